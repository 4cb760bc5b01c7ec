"""Lists are cut into parts that lose nothing and never exceed their size."""

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.stored_list import ENTRY_OVERHEAD, PART_BYTES, parts


@given(st.lists(st.integers(1, 300_000), max_size=40))
def test_parts_hold_every_value_once_in_order_within_one_megabyte(sizes: list[int]) -> None:
    values = [f"{n:07}".ljust(size, "x") for n, size in enumerate(sizes)]
    cut = list(parts(values))
    assert [value for part in cut for value in part] == values
    assert all(part for part in cut)
    for part in cut:
        assert sum(len(value) + ENTRY_OVERHEAD for value in part) <= PART_BYTES
