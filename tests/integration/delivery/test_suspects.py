"""What kills its workers is found out, and what was only at hand when they died is not closed in its place."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from shared.flow.envelope import SliceDue
from shared.flow.lane import Lane
from shared.flow.suspicion import DEATHS, SUSPECT
from tests.integration.delivery.working import CHUNKS, LEASE, DiedError, Scene, due, key, member, open_scene

pytestmark = pytest.mark.anyio
STARTS = count()


@pytest.fixture
async def scene(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(mongodb_url, database, tmp_path) as opened:
        yield opened


def another(scene: Scene, deadly: set[str] | None = None, *, after: timedelta = 1.1 * LEASE) -> Scene:
    """The next worker, when the claims of the one before have run out."""
    scene.clock.advance(after)
    return Scene(scene.store, f"delivery-apns@here/next{next(STARTS)}", scene.clock, deadly or set())


async def lives(scene: Scene, some: list[SliceDue], deadly: set[str], times: int) -> Scene:
    """So many workers in turn, each of which gets these messages and dies if it begins what is deadly."""
    for _ in range(times):
        scene = another(scene, deadly)
        try:
            await scene.slices.together([scene.message(one, alone=True) for one in some], Lane.NOW)
        except DiedError:
            continue
    return scene


async def test_what_kills_each_worker_that_has_nothing_else_in_hand_is_closed_after_three_deaths(scene: Scene) -> None:
    scene = await lives(scene, [due(0)], {member(0)}, DEATHS)
    assert scene.worked
    scene = await lives(scene, [due(0)], {member(0)}, 1)
    assert (scene.worked, scene.poison) == ([], [member(0)])
    assert scene.acked


async def test_of_several_that_died_together_only_the_one_that_kills_is_closed(scene: Scene) -> None:
    """Each is worked by itself once all are suspects; those that do no harm are done then, and never closed."""
    some = [due(number) for number in range(4)]
    last = await lives(scene, some, {member(2)}, SUSPECT)
    assert sorted(last.worked) == [[member(number)] for number in range(4)]
    closed, done = set[str](), set[str]()
    for _ in range(4 * (DEATHS + 2)):
        last = another(last, {member(2)})
        left = [one for one in some if member(some.index(one)) not in closed | done]
        for one in left:
            try:
                await last.slices.together([last.message(one, alone=True)], Lane.NOW)
            except DiedError:
                break
            done |= {worked for together in last.worked for worked in together}
        closed |= set(last.poison)
    assert closed == {member(2)}
    assert done == {member(0), member(1), member(3)}


async def test_what_is_under_suspicion_is_worked_with_nothing_beside_it(scene: Scene) -> None:
    last = another(await lives(scene, [due(0), due(1)], {member(0)}, SUSPECT))
    await last.slices.together([last.message(due(number), alone=True) for number in range(2)], Lane.NOW)
    ((first,),) = last.worked  # the other was not begun
    assert [one.slices for one in last.published] == [(due(1 if first == member(0) else 0),)]
    assert last.acked


async def test_a_death_while_the_others_were_still_at_work_speaks_against_nobody(scene: Scene) -> None:
    """The worker died before the suspect was alone."""
    last = await lives(scene, [due(0), due(1)], {member(0)}, SUSPECT)
    for _ in range(3 * DEATHS):
        last = another(last)
        for number in range(2):
            await last.slices.leases.take([member(number)])
    last = another(last)
    await last.slices.together([last.message(due(1), alone=True)], Lane.NOW)
    assert (last.worked, last.poison) == ([[member(1)]], [])


async def test_while_workers_die_elsewhere_too_a_chunk_is_given_the_benefit_of_the_doubt(scene: Scene) -> None:
    """Somebody kills one worker after the other: this chunk was in hand some of the time, alone, and others were."""
    last = scene
    for _ in range(2 * DEATHS):
        last = await lives(last, [due(0)], {member(0)}, 1)
        last = await lives(last, [due(1), due(2)], {member(1)}, 1)
        await lives(last, [due(1), due(2)], set(), 1)
    last = another(last)
    await last.slices.together([last.message(due(0), alone=True)], Lane.NOW)
    assert (last.worked, last.poison) == ([[member(0)]], [])


async def test_a_slice_that_kills_goes_on_chunk_by_chunk_each_a_suspect_from_the_first(scene: Scene) -> None:
    last = another(await lives(scene, [due(9)], {member(9, 2)}, SUSPECT))
    await last.slices.together([last.message(due(9))], Lane.NOW)
    narrowed = [due(9, chunk) for chunk in range(CHUNKS)]
    assert [one.slices for one in last.published] == [(one,) for one in narrowed]
    assert not last.worked
    last = another(await lives(last, [due(9, 2)], {member(9, 2)}, DEATHS))
    await last.slices.together([last.message(due(9, 1), alone=True)], Lane.NOW)
    await last.slices.together([last.message(due(9, 2), alone=True)], Lane.NOW)
    assert (last.worked, last.poison) == ([[member(9, 1)]], [member(9, 2)])


async def test_the_whole_slice_published_again_forgets_nothing_of_what_its_chunks_did(scene: Scene) -> None:
    last = await lives(scene, [due(9, 2)], {member(9, 2)}, DEATHS)
    last = another(last)
    await last.slices.together([last.message(due(9))], Lane.NOW)
    assert not last.worked
    assert len(last.published) == CHUNKS
    last = await lives(last, [due(9, 2)], {member(9, 2)}, 1)
    assert last.poison == [member(9, 2)]
    assert key(9) in last.poison[0]
