"""Claims: one worker a slice, as far as clocks and leases go; who died is counted, who handed back is not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.store.claims import Claim, HeldByAnother
from shared.store.connection import Store

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=30)
AFTER = UNTIL + timedelta(milliseconds=1)
LATER = AFTER + timedelta(seconds=30)


async def taken(store: Store, slices: list[str], owner: str = "me", now: datetime = NOW) -> Claim:
    claim = await store.claims.take(slices, owner, now, now + timedelta(seconds=30))
    assert isinstance(claim, Claim), claim
    return claim


async def members(store: Store) -> list[list[str]]:
    found = await store.database["claims"].find({}, {"members": 1}).to_list(None)
    return sorted(sorted(one["members"]) for one in found)


async def test_a_slice_is_taken_by_one_of_many_who_try_at_once(opened: Store) -> None:
    tries = await asyncio.gather(*(opened.claims.take(["s"], f"w{n}", NOW, UNTIL) for n in range(20)))
    assert sum(isinstance(one, Claim) for one in tries) == 1
    assert {one.until for one in tries if isinstance(one, HeldByAnother)} == {UNTIL}


async def test_a_live_claim_stands_in_the_way_also_of_its_own_owner(opened: Store) -> None:
    await taken(opened, ["s"])
    for owner in ("me", "other"):
        assert await opened.claims.take(["s"], owner, NOW, LATER) == HeldByAnother(UNTIL)


async def test_a_bundle_and_a_single_slice_of_it_overlap(opened: Store) -> None:
    await taken(opened, ["a", "b"])
    assert await opened.claims.take(["b"], "other", NOW, LATER) == HeldByAnother(UNTIL)
    assert await opened.claims.take(["b", "c"], "other", NOW, LATER) == HeldByAnother(UNTIL)
    assert await opened.claims.take(["b", "a"], "other", NOW, LATER) == HeldByAnother(UNTIL)
    assert isinstance(await opened.claims.take(["c"], "other", NOW, LATER), Claim)


async def test_take_overs_count_only_after_the_lease_ran_out(opened: Store) -> None:
    first = await taken(opened, ["s"])
    assert first.takeovers == 0
    at = AFTER
    for died in (1, 2, 3):
        again = await taken(opened, ["s"], f"w{died}", at)
        assert (again.id, again.takeovers) == (first.id, died)
        at += timedelta(seconds=31)


async def test_progress_since_the_last_take_over_counts_anew(opened: Store) -> None:
    await taken(opened, ["s/0", "s/1", "s/2"])
    assert (await taken(opened, ["s/0", "s/1", "s/2"], "w1", AFTER)).takeovers == 1
    assert (await taken(opened, ["s/1", "s/2"], "w2", LATER + timedelta(seconds=1))).takeovers == 0


async def test_handing_back_frees_the_slice_at_once_and_counts_for_nothing(opened: Store) -> None:
    claim = await taken(opened, ["s"])
    await opened.claims.hand_back("other", [claim.id], NOW)
    assert isinstance(await opened.claims.take(["s"], "next", NOW, UNTIL), HeldByAnother)
    await opened.claims.hand_back("me", [claim.id], NOW)
    assert (await taken(opened, ["s"], "next")).takeovers == 0
    assert (await taken(opened, ["s"], "third", AFTER)).takeovers == 1


async def test_a_renewal_names_the_claims_that_are_no_longer_ones_own(opened: Store) -> None:
    kept, lost = await taken(opened, ["a"]), await taken(opened, ["b"])
    assert await opened.claims.renew("me", [kept.id, lost.id], UNTIL) == set()
    await taken(opened, ["b"], "other", AFTER)
    assert await opened.claims.renew("me", [kept.id, lost.id], LATER) == {lost.id}
    assert await opened.claims.take(["a"], "other", AFTER, LATER) == HeldByAnother(LATER)


async def test_a_run_out_bundle_is_taken_apart_by_whoever_needs_a_part(opened: Store) -> None:
    await taken(opened, ["a", "b", "c"])
    assert (await taken(opened, ["b"], "other", AFTER)).takeovers == 0
    assert await members(opened) == [["a", "c"], ["b"]]
    await taken(opened, ["a", "c", "d"], "third", AFTER)
    assert await members(opened) == [["a", "c", "d"], ["b"]]


async def test_many_who_take_a_run_out_bundle_apart_at_once_leave_no_empty_claim(opened: Store) -> None:
    for round_ in range(10):
        slices = [f"{round_}-{n}" for n in range(4)]
        await taken(opened, slices)
        tries = await asyncio.gather(*(opened.claims.take([one], one, AFTER, LATER) for one in slices))
        assert all(isinstance(one, Claim) or (isinstance(one, HeldByAnother) and one.until <= AFTER) for one in tries)
        for one, slice_ in zip(tries, slices, strict=True):
            if isinstance(one, HeldByAnother):  # nobody stood in the way for long: it may try again at once
                await taken(opened, [slice_], slice_, AFTER)
    assert [] not in await members(opened)
