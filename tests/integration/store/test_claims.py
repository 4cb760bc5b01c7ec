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


async def test_what_somebody_had_when_he_died_is_doubtful_until_it_has_a_record(opened: Store) -> None:
    """However its chunks are taken over, apart or together, and handed back by others since."""
    await taken(opened, ["a", "b", "c"])
    part = await taken(opened, ["a", "b"], "w1", AFTER)
    assert part.doubtful == {"a", "b"}
    await opened.claims.hand_back("w1", [part.id], AFTER)
    again = await taken(opened, ["b", "d"], "w2", AFTER)
    assert again.doubtful == {"b"}
    await opened.claims.hand_back("w2", [again.id], AFTER)
    closer = await opened.claims.take(["b", "c", "d"], "closer", AFTER, LATER, sends=False)
    assert isinstance(closer, Claim)
    assert closer.doubtful == {"b", "c"}


async def test_what_was_handed_back_or_only_to_be_closed_is_not_doubtful(opened: Store) -> None:
    claim = await taken(opened, ["a", "b"])
    await opened.claims.hand_back("me", [claim.id], NOW)
    for at in (NOW, AFTER, LATER + timedelta(seconds=1)):  # the second takes over from a closer that died
        closer = await opened.claims.take(["a", "b"], "closer", at, at + timedelta(seconds=30), sends=False)
        assert isinstance(closer, Claim)
        assert not closer.doubtful
    worker = await taken(opened, ["a", "b"], "w", LATER + timedelta(seconds=40))
    assert not worker.doubtful
    at = LATER + timedelta(seconds=80)
    dead = await opened.claims.take(["a", "b"], "closer", at, at + timedelta(seconds=30), sends=False)
    assert isinstance(dead, Claim)
    assert dead.doubtful == {"a", "b"}


async def test_of_chunks_that_are_begun_one_by_one_only_the_begun_are_doubtful(opened: Store) -> None:
    claim = await opened.claims.take(["a", "b", "c"], "me", NOW, UNTIL, one_by_one=True)
    assert isinstance(claim, Claim)
    assert await opened.claims.begin("me", claim.id, ["a"])
    assert not await opened.claims.begin("other", claim.id, ["b"])
    again = await opened.claims.take(["a", "b", "c"], "w1", AFTER, LATER, one_by_one=True)
    assert isinstance(again, Claim)
    assert again.doubtful == {"a"}
    assert not await opened.claims.begin("me", claim.id, ["c"]), "it is another's by now"
    assert await opened.claims.begin("w1", again.id, ["b"])
    closer = await opened.claims.take(["a", "b", "c"], "c", LATER, LATER + timedelta(seconds=9), sends=False)
    assert isinstance(closer, Claim)
    assert closer.doubtful == {"a", "b"}
