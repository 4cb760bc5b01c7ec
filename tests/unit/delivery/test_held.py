"""What a process holds: when it may start another chunk, and who waits for a slice."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.held import MARGIN, Held, Table
from shared.store.claims import Claim
from tests.unit.delivery.chunks import NOW


def held(*slices: str, id_: str = "c1") -> Held:
    return Held(Claim(id_, slices), NOW + timedelta(seconds=30))


@given(seconds=st.floats(-60, 60))
def test_a_chunk_is_started_only_while_the_claim_lasts_longer_than_the_margin(seconds: float) -> None:
    one = held("s")
    now = NOW + timedelta(seconds=seconds)
    assert one.good(now) == (now < one.until - MARGIN)
    one.lost = True
    assert not one.good(now)


def test_every_slice_of_a_claim_leads_to_it_and_each_claim_is_listed_once() -> None:
    table, bundle, single = Table(), held("a", "b"), held("c", id_="c2")
    table.add(bundle)
    table.add(single)
    assert table.find(["x", "b"]) is bundle
    assert table.find(["c"]) is single
    assert table.find(["x"]) is None
    assert table.all() == [bundle, single]
    table.remove(bundle)
    assert table.find(["a", "b"]) is None
    assert table.all() == [single]


def test_removing_an_old_claim_leaves_the_newer_one_of_the_same_slice() -> None:
    table, old, new = Table(), held("a"), held("a", id_="c2")
    table.add(old)
    table.add(new)
    table.remove(old)
    assert table.find(["a"]) is new
