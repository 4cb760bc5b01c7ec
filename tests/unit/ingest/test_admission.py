"""The door for sends: shut until, and whenever, the broker does not confirm."""

import pytest

from services.ingest.admission import PATIENCE, Admission
from shared.bus.errors import NotConfirmed, Unroutable


class Broker:
    blocked = False
    connected = True
    confirming = True


class Watch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def admission(broker: Broker, watch: Watch) -> Admission:
    opened = Admission(broker, watch)
    with opened.publishing():
        pass
    return opened


def test_it_is_shut_until_a_publish_was_confirmed(broker: Broker, watch: Watch) -> None:
    assert Admission(broker, watch).shut()


def test_it_is_open_after_a_confirmed_publish(admission: Admission) -> None:
    assert admission.shut() is None


@pytest.mark.parametrize("error", [NotConfirmed("timeout", sent=True), Unroutable("", "sends.now")])
def test_an_unconfirmed_publish_shuts_it_and_a_confirmed_one_opens_it_again(
    admission: Admission, error: Exception
) -> None:
    with pytest.raises(type(error)), admission.publishing():
        raise error
    assert admission.shut()
    with admission.publishing():
        assert admission.shut()
    assert admission.shut() is None


def test_a_publish_that_is_pending_too_long_shuts_it_until_it_ends(admission: Admission, watch: Watch) -> None:
    with admission.publishing():
        watch.seconds += PATIENCE.total_seconds()
        with admission.publishing():
            assert admission.shut() is None
            watch.seconds += 0.001
            assert admission.shut()
        assert admission.shut()
    assert admission.shut() is None


def test_what_the_bus_knows_shuts_it(admission: Admission, broker: Broker) -> None:
    broker.blocked = True
    assert admission.shut()
    broker.blocked, broker.confirming = False, False
    assert admission.shut()
    broker.confirming, broker.connected = True, False
    assert admission.shut()
    broker.connected = True
    assert admission.shut() is None


def test_a_publish_that_is_cancelled_does_not_count_as_confirmed_or_stay_pending(broker: Broker, watch: Watch) -> None:
    admission = Admission(broker, watch)
    with pytest.raises(KeyboardInterrupt), admission.publishing():
        raise KeyboardInterrupt
    watch.seconds += 10
    assert admission.shut() == "the broker did not confirm the last message"
