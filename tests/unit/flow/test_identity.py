"""Ids sort by time, repeat for the same notification, and never tell two devices apart by chance."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.identity import (
    SEND_ID,
    SHARDS,
    base32,
    device_id,
    new_send_id,
    notification_id,
    notification_prefix,
    notification_suffix,
    shard_of,
)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@given(key=st.text(min_size=1), device=st.binary(min_size=12, max_size=12))
def test_a_notification_id_is_a_lower_case_uuid_and_the_same_on_every_attempt(key: str, device: bytes) -> None:
    one = notification_id(key, device)
    assert UUID.fullmatch(one)
    assert one == notification_id(key, device) == notification_prefix(key) + notification_suffix(device)


def test_send_ids_are_distinct_valid_and_in_the_order_of_their_making() -> None:
    ids = [new_send_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(SEND_ID.fullmatch(one) for one in ids)
    assert [one[:10] for one in ids] == sorted(one[:10] for one in ids)


@given(variant=st.text(max_size=20), seed=st.text(max_size=40))
def test_a_shard_follows_from_the_device_id_and_fits_an_int32(variant: str, seed: str) -> None:
    assert 0 <= shard_of(device_id(variant, seed)) < SHARDS


@given(numbers=st.tuples(st.integers(0, 2**50 - 1), st.integers(0, 2**50 - 1)))
def test_base32_keeps_the_order_of_numbers(numbers: tuple[int, int]) -> None:
    one, other = numbers
    assert (base32(one, 10) < base32(other, 10)) == (one < other)
