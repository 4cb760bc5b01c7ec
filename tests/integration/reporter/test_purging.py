"""After an app's retention a send's content, receipts and lists are gone, bytes and all; its report stays as it was."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.reporter.purging import Purging
from shared.flow.accept import RouteTarget, accept, lists_of
from shared.flow.audience import Audience
from shared.flow.identity import device_id
from shared.flow.message import Message
from shared.flow.plan import Plan, own_plan
from shared.flow.receipt import Received
from shared.flow.record import Count, Part, Record, Undelivered
from shared.flow.report import fold, report
from shared.flow.send import Send, SendRequest
from shared.flow.timing import Repeat
from shared.flow.verdict import Fate
from shared.full_reports import line_of, of_records
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.devices import Registration
from shared.store.interactions import Told

pytestmark = pytest.mark.anyio
SECRET, USER = "the answer is forty-two", "ada-lovelace"
DEVICE, DEAD = device_id("v1", "alive"), device_id("v1", "dead")


def purging(store: Store, clock: FixedClock, owner: str = "one", metrics: Metrics | None = None) -> Purging:
    return Purging(store, clock, Life(timedelta(seconds=1)), metrics or Metrics(), owner)


async def sent(
    store: Store, clock: FixedClock, app: str, id_: str, users: int = 1, ttl: float = 3600, **when: Any
) -> Send:
    """A send that was delivered to one device and found another dead, with all that hangs on it."""
    names = (USER, *(f"{USER}-{n}" for n in range(1, users)))
    request = SendRequest(audience=Audience(users=names), message=Message(title=SECRET), ttl=ttl, **when)
    target = RouteTarget("v1", "apns")
    send = accept(request, app, f"{app}.{id_}", [target], clock.now(), check=lambda *_: [])
    for name, values in lists_of(request).items():
        await store.lists.insert(send.list_name(name), values)
    await store.sends.insert([send])
    received = Received()
    received.add([DEVICE], [b""], clock.now())
    part = Part(
        member=f"{send.key}.0.0/0", send=send.key, app=app, variant="v1", platform="apns", matched=2,
        counts=(Count(fate=Fate.DELIVERED, n=1), Count(fate=Fate.UNREGISTERED, reason="Unregistered", n=1)),
        undelivered=(Undelivered(device=DEAD, fate=Fate.UNREGISTERED, reason="Unregistered"),),
        looked_up_at=clock.now(), last_answer_at=clock.now(),
        receipts=received.receipts(f"{send.key}.0.0/0", send.key),
    )  # fmt: skip
    assert part.receipts is not None
    await store.receipts.insert(part.member, "by", clock.now(), [part.receipts])
    await store.records.insert(Record(id=part.member, by="by", at=clock.now(), parts=(part,)))
    await store.interactions.note([Told(send.key, DEVICE, "opened", None, clock.now())])
    if not send.small:
        plan = await store.plans.insert(own_plan(send))
        counted = report(plan, fold([part]), finished_at=clock.now())
        await store.reports.write(send.key, counted, clock.now())
        full = await of_records(store, send.key, line_of(plan), counted, fold([part]), clock.now())
        await store.reports.told(send.key, full)
        await store.events.append(send.key, counted, clock.now(), timedelta())
    return send


async def bytes_of(store: Store) -> bytes:
    """Everything in the database, as it is stored."""
    found = b""
    for name in await store.database.list_collection_names():
        async for one in store.database[name].find():
            found += repr(one).encode()
    return found


@pytest.mark.parametrize("users", [1, 50], ids=["small", "listed"])
async def test_a_send_is_purged_when_its_time_has_come_and_its_report_stays(
    opened: Store, clock: FixedClock, users: int
) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    send = await sent(opened, clock, app.id, "send0001", users)
    before = await bytes_of(opened)
    assert SECRET.encode() in before
    assert USER.encode() in before
    clock.advance(timedelta(days=29))
    await purging(opened, clock).round()
    assert await bytes_of(opened) is not None
    assert (await opened.sends.get(send.key)) == send
    clock.advance(timedelta(days=2))
    metrics = Metrics()
    await purging(opened, clock, metrics=metrics).round()
    assert metrics.registry.get_sample_value("carillon_sends_purged_total") == 1
    after = await bytes_of(opened)
    for gone in (SECRET.encode(), USER.encode(), repr(DEAD).encode(), DEVICE.hex().encode()):
        assert gone not in after
    left = await opened.sends.get(send.key)
    assert left is not None
    assert left.purged
    assert (left.id, left.accepted_at, left.deadline) == (send.id, send.accepted_at, send.deadline)
    final, full = await opened.reports.get(send.key), await opened.reports.full(send.key)
    assert final is not None
    assert full is not None
    for total in (final.total, full.total):
        assert (total.planned, total.delivered, total.unregistered) == (2, 1, 1)
    assert full.interactions.opened == 1
    await purging(opened, clock).round()
    assert await opened.reports.full(send.key) == full


async def test_an_app_may_keep_its_sends_for_less_or_longer(opened: Store, clock: FixedClock) -> None:
    apps = [(await opened.apps.create(f"app {days}", clock.now()))[0].id for days in (1, 30, 90)]
    for days, app in zip((1, 30, 90), apps, strict=True):
        await opened.apps.set_retention(app, days)
        await sent(opened, clock, app, "send0001")
    purged = []
    for _ in range(4):
        clock.advance(timedelta(days=25))
        await purging(opened, clock).round()
        found = [await opened.sends.get(f"{app}.send0001") for app in apps]
        purged.append([bool(one and one.purged) for one in found])
    assert purged == [[True, False, False], [True, True, False], [True, True, False], [True, True, True]]


async def test_what_is_not_over_is_not_purged_and_not_forgotten(opened: Store, clock: FixedClock) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    await opened.apps.set_retention(app.id, 1)
    far = await sent(opened, clock, app.id, "send0001", ttl=timedelta(days=20).total_seconds())
    open_ = await sent(opened, clock, app.id, "send0002")
    await opened.records.forget(open_.key)
    near = await sent(opened, clock, app.id, "send0003")
    for days, wanted in ((2, [False, False, True]), (20, [True, False, True])):
        clock.advance(timedelta(days=days))
        await purging(opened, clock).round()
        found = [await opened.sends.get(one.key) for one in (far, open_, near)]
        assert [bool(one and one.purged) for one in found] == wanted


@pytest.mark.parametrize("users", [1, 50], ids=["small", "listed"])
async def test_what_begins_after_its_retention_is_purged_once_it_is_over(
    opened: Store, clock: FixedClock, users: int
) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    await opened.apps.set_retention(app.id, 1)
    start = clock.now()
    sends = [
        await sent(opened, clock, app.id, f"send000{days}", users, send_at=start + timedelta(days=days))
        for days in (8, 4)
    ]
    assert all(one.begins_at for one in sends)
    purged = []
    for days in (2, 3.9, 5, 7.9, 9):
        clock.advance(start + timedelta(days=days) - clock.now())
        await purging(opened, clock).round()
        found = [await opened.sends.get(one.key) for one in sends]
        purged.append([bool(one and one.purged) for one in found])
    assert purged == [[False, False], [False, False], [False, True], [False, True], [True, True]]
    assert SECRET.encode() not in await bytes_of(opened)


async def test_what_was_repeated_without_an_end_is_purged_after_it_was_called_off(
    opened: Store, clock: FixedClock
) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    request = SendRequest(
        audience=Audience(users=(USER,)), message=Message(title=SECRET), repeat=Repeat(cron="0 9 * * *"), ttl=3600
    )
    send = accept(request, app.id, f"{app.id}.send0001", [RouteTarget("v1", "apns")], clock.now(), check=lambda *_: [])
    await opened.sends.insert([send])
    clock.advance(timedelta(days=60))
    await purging(opened, clock).round()
    assert await opened.sends.get(send.key) == send
    times = {"accepted_at": send.accepted_at, "deadline": send.deadline}
    plan = await opened.plans.insert(Plan(key=send.key, app=app.id, lane=send.lane, routes=(), **times))
    counted = report(plan, fold([]), finished_at=clock.now())
    await opened.reports.write(send.key, counted, clock.now())
    full = await of_records(opened, send.key, line_of(plan), counted, fold([]), clock.now())
    await opened.reports.told(send.key, full)
    for hours, wanted in ((1, False), (2, True)):  # its last send may live for an hour, and one more is waited
        clock.advance(timedelta(hours=hours))
        await purging(opened, clock).round()
        left = await opened.sends.get(send.key)
        assert bool(left and left.purged) is wanted
    assert SECRET.encode() not in await bytes_of(opened)


async def test_what_devices_tell_of_a_purged_send_is_of_an_unknown_send(opened: Store, clock: FixedClock) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    one, other = [await sent(opened, clock, app.id, f"send000{n}") for n in (1, 2)]
    assert set(await opened.sends.accepted({one.key, other.key})) == {one.key, other.key}
    clock.advance(timedelta(days=31))
    await purging(opened, clock).round()
    assert await opened.sends.accepted({one.key, other.key}) == {}


async def test_of_a_bundle_only_the_parts_of_a_purged_send_go(opened: Store, clock: FixedClock) -> None:
    one = await sent(opened, clock, "app", "send0001")
    part = (await opened.records.of_send(one.key))[0]
    await opened.records.forget(one.key)
    other = part.model_copy(update={"send": "app.send00012", "member": "app.send00012.0.0/0"})
    await opened.records.insert(Record(id=part.member, by="x", at=clock.now(), parts=(part, other)))
    await opened.records.forget(one.key)
    assert await opened.records.of_send(one.key) == []
    assert [found.member for found in await opened.records.of_send("app.send00012")] == [other.member]
    assert await opened.records.closed([part.member, other.member]) == {other.member}


async def test_of_two_who_begin_at_once_one_does_it_and_the_other_goes_on_when_it_died(
    opened: Store, clock: FixedClock
) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    first = await sent(opened, clock, app.id, "send0001")
    two = [purging(opened, clock, owner) for owner in ("one", "two")]
    clock.advance(timedelta(days=31))
    await asyncio.gather(*(one.round() for one in two))
    done = [one.metrics.registry.get_sample_value("carillon_sends_purged_total") for one in two]
    assert set(done) == {0, 1}
    second = await sent(opened, clock, app.id, "send0002")
    clock.advance(timedelta(days=31))  # the lease of whoever it was is over
    idle = two[done.index(0)]
    await idle.round()
    assert idle.metrics.registry.get_sample_value("carillon_sends_purged_total") == 1
    left = [await opened.sends.get(one.key) for one in (first, second)]
    assert all(one is not None and one.purged for one in left)


async def test_one_of_two_does_it(opened: Store, clock: FixedClock) -> None:
    app, _ = await opened.apps.create("bells", clock.now())
    send = await sent(opened, clock, app.id, "send0001")
    clock.advance(timedelta(days=31))
    assert await opened.duties.take("purge", "another", clock.now(), timedelta(minutes=5))
    await purging(opened, clock).round()
    left = await opened.sends.get(send.key)
    assert left is not None
    assert not left.purged


async def test_devices_that_registered_as_their_variant_was_removed_go_and_no_others(
    opened: Store, clock: FixedClock
) -> None:
    app = (await opened.apps.create("bells", clock.now()))[0].id
    kept, gone = [
        (await opened.variants.create(app, "apns", name, {}, frozenset(), clock.now())).id for name in ("a", "b")
    ]
    await opened.variants.delete(app, gone)
    left = [
        (await opened.devices.register(Registration(whose, one, "apns", one + whose, None, {}), clock.now()))[0]
        for whose, one in ((app, kept), (app, gone), ("another", gone))
    ]
    await purging(opened, clock).round()
    assert await opened.devices.known(app, left) | await opened.devices.known("another", left) == {left[0], left[2]}
