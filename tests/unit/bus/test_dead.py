"""A dead letter says where it came from, whether we buried it or the broker did."""

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.bus.dead import dead_letter, kept
from shared.bus.incoming import SENT_AT, Incoming, Settlement

AT = datetime(2030, 1, 1, tzinfo=UTC)


async def settle(_: Settlement) -> bool:
    return True


def incoming(headers: Mapping[str, object], key: str = "slices.apns.now") -> Incoming:
    return Incoming(
        b"{}", "dead", key, headers, "m1", None, None, None, None, redelivered=False, published=None,
        _settle=settle, _gone=lambda: False,
    )  # fmt: skip


def test_what_we_buried_says_so_itself_and_keeps_the_headers_it_had() -> None:
    headers = {
        "reason": "no SlicesDue",
        "queue": "slices.fcm.bulk",
        "carillon-signature": "ab",
        SENT_AT: 1_893_456_000_000,
    }
    found = dead_letter(incoming(headers))
    assert (found.id, found.queue, found.reason, found.at) == ("m1", "slices.fcm.bulk", "no SlicesDue", AT)
    assert found.headers == {"carillon-signature": "ab"}


def test_of_what_the_broker_moved_the_last_death_counts() -> None:
    waited = {"queue": "wait.slices.apns.now.1000", "reason": "expired", "time": datetime(2029, 1, 1, tzinfo=UTC)}
    last = {"queue": "slices.apns.now", "reason": "delivery_limit", "time": AT}
    found = dead_letter(incoming({"x-death": [last, waited], "x-delivery-count": 101, "kept": 1}))
    assert (found.queue, found.reason, found.at) == ("slices.apns.now", "delivery_limit", AT)
    assert found.headers == {"kept": 1}


def test_the_key_is_the_queue_where_nothing_else_says_it() -> None:
    found = dead_letter(incoming({}, "results.now"))
    assert (found.queue, found.reason) == ("results.now", "unknown")


def test_what_goes_along_fits_into_a_frame_in_bytes() -> None:
    wide = {f"h{n}": "😀" * 1000 for n in range(40)}
    assert kept(wide) == {}
    assert len(kept({f"h{n}": "x" * 1024 for n in range(40)})) == 32
