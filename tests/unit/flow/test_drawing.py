import secrets
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.drawing import drawn_from
from shared.flow.identity import SEND_ID, new_id, new_send_id

SEEDS = st.binary(min_size=16, max_size=64)


@given(seed=SEEDS, wanted=st.lists(st.integers(1, 512), max_size=20))
def test_the_same_seed_draws_the_same_numbers_in_the_same_order(seed: bytes, wanted: list[int]) -> None:
    one, other = drawn_from(seed), drawn_from(seed)
    drawn = [one(n) for n in wanted]
    assert drawn == [other(n) for n in wanted]
    assert all(0 <= number < 2**n for number, n in zip(drawn, wanted, strict=True))


def test_two_seeds_and_two_turns_draw_something_else() -> None:
    first, second = drawn_from(b"a" * 32), drawn_from(b"b" * 32)
    drawn = [first(256) for _ in range(100)] + [second(256) for _ in range(100)]
    assert len(set(drawn)) == 200


@pytest.mark.parametrize("wanted", [0, -1, 513])
def test_what_one_hash_does_not_give_is_refused(wanted: int) -> None:
    with pytest.raises(ValueError, match="bits"):
        drawn_from(secrets.token_bytes(32))(wanted)


def test_ids_follow_from_seed_and_time() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    ids = {new_send_id(drawn_from(b"s" * 32), at) for _ in range(3)}
    assert len(ids) == 1
    assert SEND_ID.fullmatch(ids.pop())
    assert new_id("a", bits=drawn_from(b"s" * 32)) == new_id("a", bits=drawn_from(b"s" * 32))
    assert new_id("a") != new_id("a")
