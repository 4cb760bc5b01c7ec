"""Webhooks by the specification: its own example is signed as it says, its schedule, which addresses are called."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from shared.flow.webhook import SCHEDULE, allowed, networks_of, new_secret, next_try, signature, url_problem

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_the_specifications_own_example_has_its_signature() -> None:
    # standard-webhooks/standard-webhooks, the test vector of its reference libraries
    secret, id_, timestamp = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    found = signature([secret], id_, timestamp, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_secrets_sign_while_they_change_over() -> None:
    secrets = [new_secret(), new_secret()]
    for secret, one in zip(secrets, signature(secrets, "id", 5, b"{}").split(" "), strict=True):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        assert one == "v1," + base64.b64encode(hmac.digest(key, b"id.5.{}", hashlib.sha256)).decode()
        assert len(key) >= 24


def test_the_tries_go_on_for_three_days_and_then_end() -> None:
    moments, tried = [NOW], 0
    while (again := next_try(tried := tried + 1, moments[-1], 0.5, 1)) is not None:
        moments.append(again)
    assert len(moments) == len(SCHEDULE)
    assert [later - sooner for sooner, later in pairwise(moments)] == list(SCHEDULE[1:])
    assert timedelta(days=3) < moments[-1] - NOW < timedelta(days=4)


def test_jitter_is_a_tenth_at_most_and_scale_divides() -> None:
    waits = [next_try(2, NOW, rnd, 60) for rnd in (0, 1)]
    assert waits == [NOW + timedelta(seconds=4.5), NOW + timedelta(seconds=5.5)]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "2001:db8::1",
        "2001:0:7f00:1::", "::127.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_called(address: str) -> None:
    assert not allowed(address, ())


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_a_public_address_is(address: str) -> None:
    assert allowed(address, ())


def test_the_operator_may_allow_a_network() -> None:
    networks = networks_of(["10.1.0.0/16", "fd00::/8"])
    assert allowed("10.1.2.3", networks)
    assert allowed("::ffff:10.1.2.3", networks)
    assert allowed("fd00::1", networks)
    assert not allowed("10.2.0.1", networks)


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://example.com/", "http://example.com/", "https://", "https://user:secret@example.com/",
        "https://127.0.0.1/", "https://[::1]:8443/", "https://169.254.169.254/latest/meta-data", "https://a b/",
        "https://example.com:99999/", "https://example.com/#x", "//example.com/", "https://ex\u00e4mple.com/",
        "https://2130706433/", "https://0x7f.1/", "https://0x7F000001/", "https://127.1/", "https://0177.0.0.1/",
        "https://0/", "https://127.0.0.1./", "https://localhost/", "https://LOCALHOST./", "https://app.localhost:8443/",
        "https://1.2.3.4.5/", "https://example.256/", "https://example.com:0/", "https://./",
        "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    ],
)  # fmt: skip
def test_what_must_not_be_called_is_refused_at_the_door(url: str) -> None:
    assert url_problem(url, ()) is not None


def test_https_to_a_name_is_fine_and_http_only_to_an_allowed_address() -> None:
    assert url_problem("https://example.com/hook?x=1", ()) is None
    assert url_problem("https://1.1.1.1.:8443/", ()) is None
    assert url_problem("https://16843009/", ()) is None
    assert url_problem("https://hooks.1and1.com/", ()) is None
    assert url_problem("https://localhost:9/x", networks_of(["127.0.0.0/8"])) is None
    assert url_problem("http://127.0.0.1:9/x", networks_of(["127.0.0.0/8"])) is None
    assert url_problem("http://example.com/x", networks_of(["127.0.0.0/8"])) is not None
