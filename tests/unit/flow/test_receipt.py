"""Receipts in columns: what goes in comes out, whatever the provider calls a notification, and it takes few bytes."""

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.identity import device_id
from shared.flow.receipt import Received, packed, unpacked

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FIREBASE = st.builds(
    lambda n, digits: f"projects/p/messages/0:{n}%{digits}".encode(),
    st.integers(1, 2**63 - 1), st.text("0123456789abcdef", min_size=16, max_size=16),
)  # fmt: skip
ANY = st.binary(max_size=30).filter(lambda name: b"\n" not in name).map(lambda name: name.decode("latin-1").encode())


@given(st.one_of(st.lists(FIREBASE), st.lists(ANY), st.lists(st.one_of(FIREBASE, ANY))))
def test_names_come_back_as_they_were(names: list[bytes]) -> None:
    assert unpacked(packed(names)) == ([name.decode() for name in names] if any(names) else [])


def test_firebases_names_take_16_bytes_each() -> None:
    names = [f"projects/p/messages/0:{1_500_415_314_455_276 + n}%31bd1c9631bd{n:04x}".encode() for n in range(500)]
    assert len(packed(names)) < 500 * 16 + 100


@given(st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_every_device_is_found_at_its_place_with_its_time_and_name(sizes: list[int]) -> None:
    received, devices = Received(), []
    for run, size in enumerate(sizes):
        some = [device_id("v", f"{run}/{n}") for n in range(size)]
        devices += [(one, NOW + timedelta(seconds=run)) for one in some]
        received.add(some, [one.hex().encode() for one in some], NOW + timedelta(seconds=run))
    kept = received.receipts("a.s.0.0/0", "a.s")
    assert (kept is None) == (not devices)
    if kept is not None:
        assert kept.each() == [one for one, _ in devices]
        for number, (one, at) in enumerate(devices[::37]):
            place = kept.place(one)
            assert place == number * 37
            assert (kept.at(place), kept.name(place)) == (at, one.hex())
        assert kept.place(device_id("v", "stranger")) is None


def test_a_device_is_not_found_across_two_others() -> None:
    received, of = Received(), partial(bytes.fromhex)
    received.add([of("00" * 6 + "11" * 6), of("22" * 6 + "33" * 6)], [b"", b""], NOW)
    kept = received.receipts("a.s.0.0/0", "a.s")
    assert kept is not None
    assert kept.place(of("11" * 6 + "22" * 6)) is None
