"""Places under a frequency cap on a real store: two at once, once more, given back, and forgotten."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from services.delivery.capping import Capping
from services.delivery.flight import Flight
from services.delivery.retry import Ended
from services.delivery.tally import Tally
from services.planner.giving_back import give_back
from services.planner.mending import Debt
from shared.flow.cap import Cap
from shared.flow.device import Device
from shared.flow.record import Count, Owed, Part, Record
from shared.flow.send import Send
from shared.flow.verdict import Fate
from shared.providers.contract import Origin, Requests
from shared.runtime.clock import FixedClock
from shared.store.connection import Store
from shared.store.devices import Registration
from tests.unit.delivery.chunks import NOW, found, job, send

pytestmark = pytest.mark.anyio
ONCE = Cap(most=1, per=3600)


def capped(id_: str, cap: Cap = ONCE, *, dry_run: bool = False) -> Send:
    request = send().request.model_copy(update={"category": "ads", "dry_run": dry_run})
    return send().model_copy(update={"key": f"app.{id_}", "request": request, "cap": cap})


def device(number: int, user: str | None) -> Device:
    return Device(number.to_bytes(12, "big"), f"token-{number}", user)


def flight(one: Send, devices: list[Device], *, unknown: bool = False) -> Flight:
    there = replace(found(0, unknown=unknown), devices=devices)
    requests = Requests(len(devices), [each.token for each in devices], b"{}")
    return Flight(Tally(job(one), there, NOW, 1), cast("Any", None), Origin("h", 443, "t"), (), requests, devices)


def going(one: Flight) -> list[str]:
    assert [each.token for each in one.devices] == list(one.requests.paths)
    assert one.asked == one.requests.count == len(one.devices)
    return [each.token for each in one.devices]


async def test_of_two_sends_at_once_to_the_same_users_each_user_gets_one(opened: Store) -> None:
    """Whole chunks race for 60 users, again and again with other sends; every user has two places."""
    users = [[device(number, f"u{number}"), device(100 + number, f"u{number}")] for number in range(60)]
    devices = [one for pair in users for one in pair]
    flights = [flight(capped(f"send{n:04}", Cap(most=2, per=3600)), devices) for n in range(8)]
    workers = [Capping(opened.caps, FixedClock(NOW)) for _ in flights]
    await asyncio.gather(*(one.admit([each]) for one, each in zip(workers, flights, strict=True)))
    for phone, tablet in users:
        got = [one for one in flights if phone.token in going(one)]
        assert len(got) == 2
        assert all(tablet.token in going(one) for one in got), "a place is for all devices of a user"
    refused = sum(part.counts[0].n for part in (one.tally.part() for one in flights) if part.counts)
    assert refused == (8 - 2) * len(devices)


async def test_who_takes_a_place_again_finds_it_taken_and_counts_once(opened: Store) -> None:
    """A chunk that comes back, a retry of it, a worker after a kill: in turn, and all at once."""
    one, clock = [device(1, "ada")], FixedClock(NOW)
    first, again = flight(capped("send0001"), one), [flight(capped("send0001"), one) for _ in range(5)]
    await Capping(opened.caps, clock).admit([first])
    await asyncio.gather(*(Capping(opened.caps, clock).admit([each]) for each in again))
    assert all(going(each) == ["token-1"] for each in (first, *again))
    (kept,) = await opened.database["caps"].find().to_list(None)
    (block,) = kept["b"]
    assert [each["s"] for each in block["sent"]] == ["send0001"]
    assert NOW + ONCE.period < block["until"] <= NOW + ONCE.period + timedelta(hours=1)
    other = flight(capped("send0002"), one)
    await Capping(opened.caps, clock).admit([other])
    assert going(other) == []
    assert other.tally.part().counts == (Count(fate=Fate.SUPPRESSED, reason="capped", n=1),)
    later = FixedClock(NOW + ONCE.period + timedelta(milliseconds=1))
    await Capping(opened.caps, later).admit([third := flight(capped("send0003"), one)])
    assert going(third) == ["token-1"]


async def test_sends_of_one_bundle_to_one_user_are_judged_one_after_the_other(opened: Store) -> None:
    flights = [flight(capped(f"send{n:04}", Cap(most=3, per=60)), [device(1, "ada")]) for n in range(10)]
    await Capping(opened.caps, FixedClock(NOW)).admit(flights)
    assert [len(going(one)) for one in flights] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]


async def test_devices_of_nobody_are_counted_by_themselves_and_a_dry_run_takes_no_place(opened: Store) -> None:
    capping, devices = Capping(opened.caps, FixedClock(NOW)), [device(1, None), device(2, None)]
    await capping.admit([dry := flight(capped("send0001", dry_run=True), devices)])
    assert len(going(dry)) == 2
    assert not await opened.database["caps"].count_documents({})
    await capping.admit([flight(capped("send0002"), devices[:1])])
    await capping.admit([wet := flight(capped("send0003"), devices)])
    assert going(wet) == ["token-2"]
    await capping.admit([dry := flight(capped("send0004", dry_run=True), devices)])
    assert going(dry) == [], "a dry run hears that they have had enough"


async def test_what_was_certainly_not_sent_gives_its_place_back(opened: Store) -> None:
    capping, devices = Capping(opened.caps, FixedClock(NOW)), [device(1, "ada"), device(2, "ada"), device(3, "bob")]
    one = flight(capped("send0001"), devices)
    await capping.admit([one])
    for each in (devices[0], devices[2]):
        one.tally.end(each.id, Ended(Fate.UNREGISTERED, "Unregistered"))
    for _ in range(2):  # the same twice is the same once
        await opened.caps.give_back(one.tally.part().unused)
    await capping.admit([two := flight(capped("send0002"), devices)])
    assert going(two) == ["token-3"], "ada's other device was reached"
    await capping.give_back([two])
    await capping.admit([three := flight(capped("send0003"), devices[2:])])
    assert going(three) == ["token-3"]


async def test_what_may_have_been_sent_keeps_its_place(opened: Store) -> None:
    capping, devices = Capping(opened.caps, FixedClock(NOW)), [device(1, "ada")]
    await capping.admit([one := flight(capped("send0001"), devices, unknown=True)])
    one.tally.end(devices[0].id, Ended(Fate.REJECTED, "BadDeviceToken"))
    assert one.tally.part().unused == ()
    await capping.give_back([one])
    later = Capping(opened.caps, FixedClock(NOW + timedelta(minutes=59)))
    await later.admit([two := flight(capped("send0002"), devices)])
    assert going(two) == []
    await later.admit([three := flight(capped("send0003"), devices, unknown=True)])
    assert three.tally.part().counts == (Count(fate=Fate.FAILED, reason="unknown_outcome", n=1),)


async def test_the_record_does_not_hold_what_is_given_back(opened: Store) -> None:
    capping, devices = Capping(opened.caps, FixedClock(NOW)), [device(1, "ada")]
    await capping.admit([one := flight(capped("send0001"), devices)])
    one.tally.end(devices[0].id, Ended(Fate.REJECTED, "BadDeviceToken"))
    part = one.tally.part()
    assert len(part.unused) == 1
    await opened.records.insert(Record(id=part.member, by="b", at=NOW, parts=(part,)))
    assert await opened.records.part(part.member) == part.model_copy(update={"unused": ()})


async def test_a_retry_that_is_called_off_gives_its_places_back(opened: Store) -> None:
    rows = [
        (await opened.devices.register(Registration("app", "v1", "apns", f"{n:02}", None, {"user": "ada"}), NOW))[0]
        for n in range(2)
    ]
    one, capping = capped("send0001"), Capping(opened.caps, FixedClock(NOW))
    await capping.admit([flight(one, [Device(row, "", "ada") for row in rows])])
    parent = job(one).member
    owed = tuple(Owed(step=n, due=NOW, reason="503", devices=(rows[n],), unknown=bool(n)) for n in range(2))
    await record(opened, one, parent, owed=owed)
    debts = [Debt(parent, n, NOW) for n in range(2)]
    await give_back(opened, one, debts)
    assert await holding(opened) == rows, "nothing is closed yet"
    await record(opened, one, debts[0].member, Count(fate=Fate.CANCELLED, n=1))
    await record(opened, one, debts[1].member, Count(fate=Fate.FAILED, reason="unknown_outcome", n=1))
    for _ in range(2):
        await give_back(opened, one, debts)
        assert await holding(opened) == rows[1:]


async def record(store: Store, one: Send, member: str, *counts: Count, owed: tuple[Owed, ...] = ()) -> None:
    part = Part(
        member=member, send=one.key, app="app", variant="v1", platform="apns", matched=1, counts=counts, owed=owed,
        looked_up_at=NOW, closing=bool(counts),
    )  # fmt: skip
    await store.records.insert(Record(id=member, by=member, at=NOW, parts=(part,)))


async def holding(store: Store) -> list[bytes]:
    found = await store.database["caps"].find().to_list(None)
    return [bytes(one) for each in found for place in each["b"][0]["sent"] for one in place["d"]]


async def test_a_user_who_is_forgotten_has_no_places(opened: Store) -> None:
    capping = Capping(opened.caps, FixedClock(NOW))
    everyone = [device(1, "ada"), device(2, None), device(3, "bob"), device(4, None)]
    await capping.admit([flight(capped("send0001"), everyone)])
    await opened.caps.forget("app", "ada", [everyone[1].id])
    await opened.caps.forget("other", "bob", [everyone[3].id])
    await capping.admit([two := flight(capped("send0002"), everyone)])
    assert going(two) == ["token-1", "token-2"]
