"""The sample that a plan's density is counted from lies in the shard range, wherever the send's key puts it."""

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.identity import SHARDS
from shared.store.survey import SAMPLES, sample

KEYS = st.text("abcdefghjkmnpqrstvwxyz0123456789.", min_size=3, max_size=40)


@given(key=KEYS, share=st.sampled_from(SAMPLES))
def test_a_sample_is_its_share_of_the_range_and_follows_from_the_key(key: str, share: int) -> None:
    where = sample(key, share)
    assert 0 <= where.low < where.high <= SHARDS
    assert where.high - where.low == SHARDS // share
    assert sample(key, share) == where


def test_different_sends_are_estimated_from_different_places() -> None:
    assert len({sample(f"app.send{n}", SAMPLES[0]).low for n in range(200)}) > 50
