"""Tokens are removed on evidence: the dead at once and under a cap, suspects when their window was judged."""

import asyncio
import contextlib
import random
from datetime import timedelta

import pytest

from shared.flow.hygiene import GRACE, WINDOW, Tally, excessive
from shared.flow.identity import SHARDS
from shared.runtime.clock import FixedClock
from shared.store.connection import Store
from shared.store.undoing import Span
from tests.integration.reporter.estate import Died, Records, Reporter, held, mortal, record, register, rows, served

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)
OVER = WINDOW + GRACE + MINUTE


async def ledger(store: Store) -> dict[tuple[str, str], int]:
    """What the daily report has to say, by what was done and by whom."""
    found = await store.database["hygiene_days"].find().to_list(None)
    return {(one["did"], one["by"]): one["devices"] for one in found}


async def test_the_dead_go_at_once_and_only_on_evidence_that_holds(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 4, clock.now() - timedelta(days=1))
    reporter = Reporter(opened, clock)
    await reporter.hear(record(clock.now(), dead=devices[:2], delivered=1))
    await reporter.hear(record(clock.now(), dead=[devices[2]], since=clock.now() - timedelta(days=2)))
    assert [row["_id"] for row in await rows(opened, retired={"$exists": True})] == devices[:2]
    assert reporter.counted("devices_retired", why="unregistered") == 2


async def test_suspects_are_served_until_their_window_is_judged_then_they_go(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 100, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    await reporter.hear(record(clock.now(), suspects=devices[:20], delivered=80))
    assert (await served(opened), await held(opened)) == (100, 20)
    clock.advance(WINDOW + MINUTE)
    await reporter.house.round()
    assert (await served(opened), await held(opened)) == (100, 20), "the next window may still speak for them"
    clock.advance(GRACE)
    await reporter.house.round()
    assert (await served(opened), await held(opened)) == (80, 0)
    assert reporter.counted("hygiene_windows", platform="apns", decision="passed") == 1
    assert await ledger(opened) == {("quarantined", "suspect"): 20, ("retired", "judged"): 20}


async def test_a_device_that_registers_again_leaves_quarantine(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 10, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    await reporter.hear(record(clock.now(), suspects=devices, delivered=90))
    clock.advance(MINUTE)
    await register(opened, 4, clock.now())
    assert await held(opened) == 6
    clock.advance(OVER)
    await reporter.house.round()
    assert (await served(opened), await held(opened)) == (4, 0)


async def test_a_mix_up_trips_the_gate_at_once_and_nothing_of_its_window_is_lost(
    opened: Store, clock: FixedClock
) -> None:
    devices = await register(opened, 300, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    await reporter.hear(record(clock.now(), dead=devices[:30], delivered=10))
    assert await served(opened) == 270
    clock.advance(MINUTE)
    await reporter.hear(record(clock.now(), suspects=devices[30:200], delivered=30))
    assert (await served(opened), await held(opened)) == (300, 0), "told before the window is over"
    assert reporter.counted("devices_restored", why="gate") == 30
    clock.advance(MINUTE)
    await reporter.hear(record(clock.now(), suspects=devices[200:], delivered=100_000))
    clock.advance(OVER)
    await reporter.house.round()
    assert (await served(opened), await held(opened)) == (300, 0), "good results later do not talk it down"
    assert reporter.counted("hygiene_windows", platform="apns", decision="tripped") == 1
    assert reporter.counted("hygiene_windows", platform="apns", decision="passed") == 0
    noted = await ledger(opened)
    assert (noted["retired", "evidence"], noted["restored", "gate"]) == (30, 30)
    assert noted["quarantined", "suspect"] == noted["released", "gate"] > 0


async def test_a_minute_of_mix_up_does_not_hide_in_an_hour_of_good_results(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 60, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    await reporter.hear(record(clock.now(), delivered=50_000))
    clock.advance(10 * MINUTE)
    for some in (devices[:30], devices[30:]):  # by two reporters, neither of whom saw 50
        await Reporter(opened, clock).hear(record(clock.now(), suspects=some, delivered=20))
    clock.advance(OVER)
    await reporter.house.round()
    assert (await served(opened), await held(opened)) == (60, 0)


async def test_what_a_mix_up_did_shortly_before_its_window_ended_is_told_by_the_next(
    opened: Store, clock: FixedClock
) -> None:
    devices = await register(opened, 200, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    clock.advance(WINDOW - MINUTE)
    await reporter.hear(record(clock.now(), suspects=devices[:40], delivered=1))
    clock.advance(2 * MINUTE)
    await reporter.hear(record(clock.now(), suspects=devices[40:], delivered=1))
    clock.advance(OVER)
    await reporter.house.round()
    assert (await served(opened), await held(opened)) == (200, 0)
    (first, second) = [await opened.windows.get(one["_id"]) for one in await windows(opened)]
    assert first is not None
    assert second is not None
    assert (first.why, second.why) == ("next_window", "window")


async def test_what_is_usual_for_a_variant_raises_the_bar(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 500, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    for n in range(4):  # 8 % are usual here
        await reporter.hear(record(clock.now(), suspects=devices[n * 8 : n * 8 + 8], delivered=92))
        clock.advance(OVER)
        await reporter.house.round()
    before = await served(opened)
    await reporter.hear(record(clock.now(), suspects=devices[100:400], delivered=700))
    clock.advance(OVER)
    await reporter.house.round()
    assert before == 500 - 32
    assert await served(opened) == before - 300


async def test_results_that_come_twice_or_to_several_reporters_count_once(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 40, clock.now() - MINUTE)
    reporters = [Reporter(opened, clock, owner=str(n)) for n in range(3)]
    heard = record(clock.now(), suspects=devices, delivered=50)
    for _ in range(3):
        await asyncio.gather(*(one.hear(heard) for one in reporters))
    (evidence,) = await opened.database["hygiene_evidence"].find().to_list(None)
    assert (evidence["results"], evidence["suspects"]) == (90, 40)
    assert (await served(opened), await held(opened)) == (40, 40), "120 suspects would have tripped it"
    clock.advance(OVER)
    await asyncio.gather(*(one.house.round() for one in reporters))
    assert sum(one.counted("hygiene_windows", platform="apns", decision="passed") for one in reporters) == 1
    await reporters[0].house.round()
    assert await served(opened) == 0
    for device in devices:  # heard once more, a day later: its window is over
        await opened.database["devices"].update_one(
            {"_id": device}, {"$set": {"live": True}, "$unset": {"retired": ""}}
        )
    await reporters[0].hear(heard)
    assert (await served(opened), await held(opened)) == (40, 0)


async def test_a_reporter_that_died_between_the_evidence_and_the_mark_is_made_up_for(
    opened: Store, clock: FixedClock
) -> None:
    devices = await register(opened, 40, clock.now() - MINUTE)
    heard = record(clock.now(), suspects=devices, delivered=400)
    await Reporter(opened, clock).hear(heard)
    await opened.database["devices"].update_many({}, {"$unset": {"quarantine": ""}})
    clock.advance(WINDOW)
    await Reporter(opened, clock).hear(heard)
    assert await held(opened) == 40
    assert {row["quarantine"]["window"] for row in await rows(opened)} == {(await windows(opened))[0]["_id"]}


async def test_two_that_judge_at_once_decide_once(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 30, clock.now() - MINUTE)
    reporters = [Reporter(opened, clock) for _ in range(4)]
    await reporters[0].hear(record(clock.now(), suspects=devices, delivered=300))
    clock.advance(OVER)
    window = await opened.windows.due(clock.now())
    assert window is not None
    await asyncio.gather(*(one.gate.judge(window) for one in reporters))
    assert sum(one.counted("hygiene_windows", platform="apns", decision="passed") for one in reporters) == 1
    assert len(await rows(opened, **{"quarantine.condemned": True})) == 30


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_heard_twice_late_or_half_the_decision_is_that_of_the_records(
    opened: Store, clock: FixedClock, seed: int
) -> None:
    rng = random.Random(seed)
    devices = await register(opened, 240, clock.now() - MINUTE)
    reporters = [Reporter(opened, clock, owner=str(n)) for n in range(3)]
    share = (0.05, 0.1, 0.35, 0.6)[seed]
    records = []
    for n in range(12):
        some = devices[n * 20 : n * 20 + round(20 * share)]
        records.append(record(clock.now(), suspects=some, delivered=20 - len(some)))

    async def hear(one: Records) -> None:
        """By processes that die between two steps; then by one that lives, perhaps twice."""
        for _ in range(rng.randint(0, 2)):
            with contextlib.suppress(Died):
                await Reporter(mortal(opened, rng.randint(0, 8)), clock).hear(one)
        for _ in range(rng.randint(1, 2)):
            await rng.choice(reporters).hear(one)

    await asyncio.gather(*map(hear, rng.sample(records, len(records))))
    clock.advance(OVER)
    await asyncio.gather(*(one.house.round() for one in reporters))
    clock.advance(timedelta(seconds=31))
    await reporters[0].house.round()
    suspects = 12 * round(20 * share)
    (window,) = await opened.windows.decided("app", 10)
    assert window.decision == ("tripped" if excessive(Tally(240, suspects), suspects, 0) else "passed")
    assert await served(opened) == (240 if window.decision == "tripped" else 240 - suspects)
    assert await held(opened) == 0
    if window.decision == "passed":
        assert window.tally == Tally(240, suspects)


async def test_how_many_devices_a_variant_has_is_told_from_a_sample(opened: Store, clock: FixedClock) -> None:
    rng = random.Random(1)
    shape = {"app": "app", "variant": "v1", "live": True}
    await opened.database["devices"].insert_many(
        [shape | {"shard": rng.randrange(SHARDS), "token_key": n} for n in range(12_000)]
    )
    assert 10_000 < await opened.quarantine.population("app", "v1") < 14_000
    assert await opened.quarantine.population("app", "v2") == 0


async def test_a_decision_that_was_not_carried_out_is_carried_out_by_another(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 30, clock.now() - MINUTE)
    dying, other = Reporter(opened, clock, owner="dying"), Reporter(opened, clock, owner="other")
    await dying.hear(record(clock.now(), suspects=devices, delivered=970))
    clock.advance(OVER)
    window = await opened.windows.due(clock.now())
    assert window is not None
    assert await dying.store.duties.take("hygiene", "dying", clock.now(), timedelta(seconds=30))
    assert await opened.windows.decide(window.id, "passed", "", window.tally, 30, clock.now())
    await other.house.round()
    assert await served(opened) == 30, "the duty is another's, as far as anybody knows"
    clock.advance(timedelta(seconds=31))
    await other.house.round()
    assert await served(opened) == 0


async def test_over_the_cap_the_dead_wait_and_go_in_the_next_hours(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 100, clock.now() - MINUTE)
    reporters = [Reporter(opened, clock, least=30, share=0.0, owner=str(n)) for n in range(2)]
    heard = [record(clock.now(), dead=some) for some in (devices[:45], devices[45:90])]
    await asyncio.gather(*(one.hear(some) for one, some in zip(reporters, heard, strict=True)))
    assert (await served(opened), await held(opened)) == (70, 60)
    await asyncio.gather(*(one.house.round() for one in reporters))
    assert await served(opened) == 70, "the hour's share is used up"
    await register(opened, 100, clock.now() + MINUTE)  # everyone is back
    assert (await served(opened), await held(opened)) == (100, 0)
    clock.advance(2 * MINUTE)
    await reporters[0].hear(record(clock.now(), dead=devices[:90]))
    for left in (70, 40, 10, 10):
        clock.advance(WINDOW)
        clock.advance(timedelta(seconds=31))
        await reporters[0].house.round()
        assert await served(opened) == left
    assert await held(opened) == 0


async def test_a_large_variant_may_lose_its_share_in_an_hour(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 200, clock.now() - MINUTE)
    await Reporter(opened, clock, least=5, share=0.1).hear(record(clock.now(), dead=devices, delivered=5))
    assert await served(opened) == 180


async def test_what_was_undone_is_not_done_again_by_results_of_before(opened: Store, clock: FixedClock) -> None:
    devices = await register(opened, 5, clock.now() - MINUTE)
    reporter = Reporter(opened, clock)
    heard = record(clock.now(), dead=devices, since=clock.now() - timedelta(seconds=1))
    await reporter.hear(heard)
    clock.advance(MINUTE)
    for app, restored in (("another app", 0), ("app", 5)):
        span = Span(app, clock.now() - 2 * MINUTE, clock.now())
        assert (await opened.undoing.restore(span, clock.now(), 100)).total() == restored
    await reporter.hear(heard)
    assert await served(opened) == 5
    clock.advance(MINUTE)
    await reporter.hear(record(clock.now(), dead=devices, since=clock.now() - 3 * MINUTE + timedelta(seconds=50)))
    assert await served(opened) == 0, "a new answer of the provider counts, whatever time it names"


async def test_hygiene_goes_by_its_indexes(opened: Store, clock: FixedClock) -> None:
    await register(opened, 50, clock.now())
    for where in (
        {"quarantine.condemned": False, "variant": "v1", "quarantine.window": "w"},
        {"quarantine.condemned": {"$in": [False, True]}, "variant": "v1", "quarantine.window": "w"},
        {"quarantine.condemned": True, "variant": {"$gt": ""}},
        {"app": "app", "retired.at": {"$gte": clock.now(), "$lte": clock.now()}},
    ):
        plan = str((await opened.database["devices"].find(where).explain())["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in plan, where
        assert "quarantine.condemned_1" in plan or "app_1_retired.at_1" in plan, (where, plan)


async def windows(store: Store) -> list[dict[str, str]]:
    return await store.database["hygiene_windows"].find().sort("start", 1).to_list(None)
