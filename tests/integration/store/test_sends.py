"""Sends, lists, plans, reports, the schedule and started marks: inserted once, moved on by one at a time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.flow.audience import Audience
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import ListRange
from shared.flow.report import Outcomes, Report
from shared.flow.send import Problem, Route, Send, SendRequest
from shared.store.connection import Store
from tests.records import plan_with

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def send(id_: str, title: str = "Ding", *, at: datetime = NOW, problems: tuple[Problem, ...] = ()) -> Send:
    request = SendRequest(audience=Audience(everyone=True), message=Message(title=title))
    routes = (Route(variant="v1", platform="apns"),)
    return Send(
        key=f"app.{id_}", app="app", request=request, lane=Lane.BULK, routes=routes, small=False, accepted_at=at,
        deadline=at + timedelta(hours=1), problems=problems,
    )  # fmt: skip


async def test_a_send_that_comes_twice_is_told_apart_and_the_first_one_counts(opened: Store) -> None:
    assert await opened.sends.insert([send("one"), send("two")]) == set()
    assert await opened.sends.insert([send("two", "Dong"), send("three")]) == {"app.two"}
    found = await opened.sends.many(["app.one", "app.two", "app.three", "app.four"])
    assert {key: one.request.message.title for key, one in found.items()} == {
        "app.one": "Ding", "app.two": "Ding", "app.three": "Ding",
    }  # fmt: skip
    assert await opened.sends.get("app.one") == send("one")


async def test_of_the_same_send_inserted_at_once_exactly_one_is_new(opened: Store) -> None:
    known = await asyncio.gather(*(opened.sends.insert([send("one", f"{n}")]) for n in range(10)))
    assert sum(not one for one in known) == 1


async def test_the_sweep_reads_what_was_accepted_in_a_span_without_what_was_rejected(opened: Store) -> None:
    sends = [send(f"s{n}", at=NOW + n * SECOND) for n in range(5)]
    await opened.sends.insert([*sends, send("bad", at=NOW + SECOND, problems=(Problem(pointer="", detail="no"),))])
    page = await opened.sends.accepted_between(NOW, NOW + 3 * SECOND, 10)
    assert [one.id for _, one in page if one] == ["s1", "s2", "s3"]
    assert len(await opened.sends.accepted_between(NOW, NOW + 3 * SECOND, 2)) == 2


async def test_the_first_plan_of_a_send_stays(opened: Store) -> None:
    mine, other = plan_with([2, 1]), plan_with([5, 5])
    assert await opened.plans.get(mine.key) is None
    assert await opened.plans.insert(mine) == mine
    assert await opened.plans.insert(other) == mine
    assert await opened.plans.get(mine.key) == mine


async def test_a_final_report_is_written_once_and_late_sums_change_nothing(opened: Store) -> None:
    running = Report(state="running", total=Outcomes(planned=2, open=2))
    final = Report(state="finished", total=Outcomes(planned=2, delivered=2), finished_at=NOW)
    assert not await opened.reports.write("app.s", running, NOW)
    assert not await opened.reports.is_told("app.s")
    wrote = await asyncio.gather(*(opened.reports.write("app.s", final, NOW) for _ in range(10)))
    assert sum(wrote) == 1
    late = final.model_copy(update={"total": Outcomes(planned=9)})
    assert not await opened.reports.write("app.s", late, NOW)
    assert not await opened.reports.write("app.s", running, NOW)
    assert await opened.reports.get("app.s") == final
    assert not await opened.reports.is_told("app.s")
    await opened.reports.told("app.s")
    assert await opened.reports.is_told("app.s")


async def test_one_of_two_planners_moves_a_release_on(opened: Store) -> None:
    await opened.schedule.add(send("one"), NOW, SECOND)
    moved = await asyncio.gather(*(opened.schedule.release("app.one", "apns", 0, 3) for _ in range(10)))
    assert sum(moved) == 1
    assert not await opened.schedule.release("app.one", "apns", 0, 5)
    assert await opened.schedule.release("app.one", "apns", 3, 5)
    assert await opened.schedule.release("app.one", "fcm", 0, 1)
    await opened.schedule.add(send("one"), NOW, SECOND)
    (entry,) = await opened.schedule.unreleased(Lane.BULK, 10)
    assert (entry.key, entry.released) == ("app.one", {"apns": 5, "fcm": 1})
    assert await opened.schedule.unreleased(Lane.NOW, 10) == []
    await opened.schedule.released_all("app.one")
    assert await opened.schedule.unreleased(Lane.BULK, 10) == []


async def test_a_send_that_is_due_is_looked_at_by_one_planner_for_the_time_of_a_lease(opened: Store) -> None:
    await opened.schedule.add(send("one"), NOW, SECOND)
    assert await opened.schedule.due(NOW - SECOND, SECOND) is None
    taken = await asyncio.gather(*(opened.schedule.due(NOW, SECOND) for _ in range(10)))
    assert [one.key for one in taken if one] == ["app.one"]
    again = await opened.schedule.due(NOW + SECOND, SECOND)
    assert again is not None
    await opened.schedule.check_again(again, NOW + 9 * SECOND, 2 * SECOND, 4)
    assert await opened.schedule.due(NOW + 8 * SECOND, SECOND) is None
    looked = await opened.schedule.due(NOW + 9 * SECOND, SECOND)
    assert looked is not None
    assert (looked.wait, looked.seen) == (2 * SECOND, 4)
    await opened.schedule.remove("app.one")
    assert await opened.schedule.due(NOW + 99 * SECOND, SECOND) is None


async def test_a_debt_that_falls_due_sooner_brings_the_next_look_forward_also_during_a_look(opened: Store) -> None:
    await opened.schedule.add(send("one"), NOW, SECOND)
    await opened.schedule.check_by(send("one"), NOW + 5 * SECOND, SECOND)
    looking = await opened.schedule.due(NOW, 30 * SECOND)
    assert looking is not None
    await opened.schedule.check_by(send("one"), NOW + 3 * SECOND, SECOND)
    await opened.schedule.check_again(looking, NOW + 60 * SECOND, SECOND, 0)
    assert await opened.schedule.due(NOW + 2 * SECOND, SECOND) is None
    assert await opened.schedule.due(NOW + 3 * SECOND, SECOND) is not None


async def test_the_watermark_of_the_sweep_is_moved_on_by_one_planner(opened: Store) -> None:
    starts = await asyncio.gather(*(opened.sweeps.until("accepted", NOW + n * SECOND) for n in range(5)))
    assert len(set(starts)) == 1
    moved = await asyncio.gather(*(opened.sweeps.move_on("accepted", starts[0], NOW + 60 * SECOND) for _ in range(5)))
    assert sum(moved) == 1
    assert await opened.sweeps.until("accepted", NOW) == NOW + 60 * SECOND


async def test_a_list_is_stored_in_parts_and_read_by_position(opened: Store) -> None:
    users = [f"user-{n}-" + "x" * 200 for n in range(6000)]
    lengths = await opened.lists.insert("app.s/users", users)
    assert len(lengths) == 2
    assert sum(lengths) == 6000
    assert await opened.lists.insert("app.s/users", ["somebody else"] * 6000) != []
    named = Send.model_validate(
        {**send("s").model_dump(), "request": {"audience": {"users": users[:1]}, "message": {}},
         "lists": {"users": lengths}}
    )  # fmt: skip
    first = await opened.lists.named(named, "v1", ListRange(0, 10, 20))
    assert first == users[10:20]
    last = await opened.lists.named(named, "v1", ListRange(1, lengths[1] - 5, lengths[1]))
    assert last == users[-5:]
    assert await opened.lists.named(named, "v1", ListRange(7, 0, 5)) == []
    assert await opened.lists.named(named, "v1", ListRange(0, 5, 5)) == []


async def test_a_chunk_is_marked_as_started_by_one_call_which_may_be_repeated(opened: Store) -> None:
    assert await opened.started.mark(["app.s.0.0/0", "app.s.0.0/1"], "a", NOW) == {"app.s.0.0/0", "app.s.0.0/1"}
    assert await opened.started.mark(["app.s.0.0/1", "app.s.0.0/2"], "b", NOW) == {"app.s.0.0/2"}
    assert await opened.started.mark(["app.s.0.0/1", "app.s.0.0/2"], "b", NOW) == {"app.s.0.0/2"}
    tries = await asyncio.gather(*(opened.started.mark(["app.s.0.0/9"], f"{n}", NOW) for n in range(10)))
    assert sum(map(len, tries)) == 1


async def test_heard_records_are_remembered(opened: Store) -> None:
    await opened.heard.mark(["a", "b"], NOW)
    await opened.heard.mark(["b", "c"], NOW)
    assert await opened.heard.unheard(["a", "c", "d"]) == {"d"}
