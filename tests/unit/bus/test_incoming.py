"""One delivery: settled once, and never when it is not ours any more."""

from datetime import UTC, datetime

import pytest

from shared.bus.incoming import SENT_AT, Incoming, Settlement

pytestmark = pytest.mark.anyio


class Wire:
    def __init__(self) -> None:
        self.gone = False
        self.sent: list[Settlement] = []

    async def settle(self, how: Settlement) -> bool:
        self.sent.append(how)
        return True


def delivery(wire: Wire, headers: dict[str, object] | None = None) -> Incoming:
    return Incoming(
        body=b"",
        exchange="",
        routing_key="q",
        headers=headers or {},
        message_id=None,
        correlation_id=None,
        reply_to=None,
        user_id=None,
        content_type=None,
        redelivered=False,
        published=None,
        _settle=wire.settle,
        _gone=lambda: wire.gone,
    )


async def test_only_the_first_settlement_is_sent() -> None:
    wire = Wire()
    incoming = delivery(wire)
    assert await incoming.ack() is True
    assert await incoming.reject() is False
    assert await incoming.requeue() is False
    assert wire.sent == [Settlement.ACK]


async def test_nothing_is_sent_for_a_stale_delivery() -> None:
    wire = Wire()
    incoming = delivery(wire)
    wire.gone = True
    assert incoming.stale
    assert [await incoming.ack(), await incoming.reject(), await incoming.requeue()] == [False, False, False]
    assert wire.sent == []


@pytest.mark.parametrize("at", ["yesterday", b"\x00", 2**63 - 1, -(2**63), None, [1]])
def test_what_others_wrote_into_our_headers_breaks_nothing(at: object) -> None:
    assert delivery(Wire(), {SENT_AT: at}).timestamp is None


def test_our_own_timestamp_has_milliseconds() -> None:
    assert delivery(Wire(), {SENT_AT: 1_900_000_000_123}).timestamp == datetime(
        2030, 3, 17, 17, 46, 40, 123_000, tzinfo=UTC
    )
