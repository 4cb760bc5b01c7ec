"""Webhooks: each event arrives, signed, also after days and deaths; and no address is called that must not be."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.reporter.gate import Gate
from services.reporter.housekeeping import Housekeeping
from services.reporter.removing import Removing
from services.reporter.webhooks.calling import Caller, open_caller
from services.reporter.webhooks.dispatching import OF_ONE_APP
from services.reporter.webhooks.subscribers import Subscribers
from services.reporter.webhooks.watching import Watching
from shared.flow.hygiene import Finding, Tally
from shared.flow.report import Outcomes, Report, VariantOutcomes
from shared.flow.webhook import MOST_BYTES, EventKind, networks_of
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.store.connection import Store
from shared.store.parking import Parked
from shared.store.windows import Decision, Window
from tests.integration.reporter.estate import Died, mortal, register
from tests.integration.reporter.hooks import Desk, receiving

pytestmark = pytest.mark.anyio
LOCAL = networks_of(["127.0.0.0/8"])
HOUR = timedelta(hours=1)
DONE = Report(state="finished", total=Outcomes(planned=2, delivered=2))


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with open_caller(LOCAL) as one:
        yield one


@pytest.fixture
def desk(opened: Store, clock: FixedClock, caller: Caller) -> Desk:
    return Desk(opened, clock, caller)


async def test_no_payload_is_larger_than_receivers_take_however_many_variants_and_devices(desk: Desk) -> None:
    rejected: dict[str, Any] = {"planned": 9, "rejected": 9, "reasons": {"rejected": {"BadDeviceToken": 9}}}
    variants = [VariantOutcomes(variant=f"v{n:010}", platform="apns", **rejected) for n in range(150)]
    devices = await register(desk.store, 400, desk.clock.now())
    desk.clock.advance(timedelta(minutes=1))
    now = desk.clock.now() + timedelta(microseconds=123_000)
    async with receiving() as receiver:
        await desk.hook(receiver.url)
        for count in (1, 150):
            report = DONE.model_copy(update={"variants": tuple(variants[:count])})
            await desk.announcing.finished([(f"app.send{count:04}", report)])
        findings = [Finding(device, "DEVICE_NOT_REGISTERED", now, now) for device in devices]
        await desk.store.quarantine.retire("app", findings, now)
        await desk.announcing.judged("app", "v1", findings, now)
        await desk.pass_(HOUR)
    assert max(len(body) for _, body in receiver.heard) <= MOST_BYTES
    reports = {one["data"]["send"]: one["data"]["report"] for one in receiver.told if one["type"] == "send.finished"}
    assert len(reports["send0001"]["variants"]) == 1
    assert "variants" not in reports["send0150"]
    assert reports["send0150"]["total"] == reports["send0001"]["total"]
    told = [each["device"] for one in receiver.told for each in one["data"].get("devices", ())]
    assert sorted(told) == sorted(one.hex() for one in devices)


async def test_an_event_is_told_once_and_signed(desk: Desk) -> None:
    async with receiving() as receiver:
        _, secret = await desk.hook(receiver.url)
        for _ in range(3):
            await desk.announcing.finished([("app.send0001", DONE)])
        assert await desk.pass_(HOUR) == 1
    assert desk.metrics.registry.get_sample_value("carillon_webhook_calls_total", {"outcome": "fine"}) == 1
    (told,) = receiver.told
    assert (told["type"], told["sequence"]) == ("send.finished", 1)
    assert told["data"]["send"] == "send0001"
    assert told["data"]["report"]["total"]["delivered"] == 2
    assert receiver.verified(secret)
    headers, _ = receiver.heard[0]
    assert "." not in headers["webhook-id"]
    assert int(headers["webhook-timestamp"]) == int(desk.clock.now().timestamp() - HOUR.total_seconds())


async def test_only_who_asked_for_it_is_told_and_only_of_its_own_app(desk: Desk) -> None:
    async with receiving() as receiver:
        await desk.hook(receiver.url, EventKind.ANOMALY)
        await desk.hook(receiver.url, app="other")
        await desk.announcing.finished([("app.send0001", DONE)])
        assert await desk.pass_(HOUR) == 0


async def test_a_webhook_is_told_of_what_happens_right_after_it_was_made_changed_or_enabled(desk: Desk) -> None:
    desk.announcing = replace(desk.announcing, subscribers=Subscribers(desk.store.webhooks, lambda: 0.0))
    webhooks, now = desk.store.webhooks, desk.clock.now()
    async with receiving() as receiver:
        await desk.announcing.finished([("app.send0001", DONE)])
        hook, _ = await desk.hook(receiver.url, EventKind.ANOMALY)
        await desk.announcing.finished([("app.send0002", DONE)])
        await webhooks.change("app", hook.id, {"events": [EventKind.SEND_FINISHED]})
        await desk.announcing.finished([("app.send0003", DONE)])
        await webhooks.change("app", hook.id, {"disabled": {"at": now, "why": "asked for"}})
        await desk.announcing.finished([("app.send0004", DONE)])
        await webhooks.change("app", hook.id, {"disabled": None})
        await desk.announcing.finished([("app.send0005", DONE)])
        await desk.pass_(HOUR)
    assert [one["data"]["send"] for one in receiver.told] == ["send0003", "send0005"]


async def test_while_it_fails_it_is_tried_for_three_days_and_others_are_not_held_up(desk: Desk) -> None:
    async with receiving(500) as sick, receiving() as well:
        hook, _ = await desk.hook(sick.url)
        await desk.hook(well.url)
        await desk.announcing.finished([("app.send0001", DONE)])
        await desk.announcing.finished([("app.send0002", DONE)])
        assert await desk.pass_(timedelta(seconds=1)) == 4
        assert [one["data"]["send"] for one in well.told] == ["send0001", "send0002"]
        assert [one["data"]["send"] for one in sick.told] == ["send0001", "send0002"]
        await desk.pass_(timedelta(days=4))
        assert sick.ids.count(sick.ids[0]) == sick.ids.count(sick.ids[1]) == 10
        assert len(well.heard) == 2
        dead = await desk.store.outbox.of_webhook("app", hook.id, "dead", 10)
        assert [(one.tries, one.status, one.error) for one in dead] == [(10, 500, "it answered 500")] * 2
        sick.statuses = [200]
        now = desk.clock.now()
        assert await desk.store.outbox.replay("app", hook.id, (now - timedelta(days=5), now), None, now) == 2
        assert await desk.pass_(HOUR) == 2
        assert await desk.store.outbox.replay("app", hook.id, (now - timedelta(days=5), now), None, now) == 0
        again = await desk.store.outbox.replay("app", hook.id, (now - timedelta(days=5), now), sick.ids[:1], now)
        assert again == 1  # by name also what was told


async def test_it_arrives_after_days_though_the_process_dies_at_every_step(desk: Desk) -> None:
    async with receiving(500, 500, 500, 500, 500, 200) as receiver:
        await desk.hook(receiver.url)
        await desk.announcing.finished([("app.send0001", DONE)])
        for steps in range(60):
            one = Desk(mortal(desk.store, steps % 6), desk.clock, desk.caller)
            with contextlib.suppress(Died):
                await one.dispatching.due()
            desk.clock.advance(timedelta(minutes=1))
        await desk.pass_(timedelta(days=3))
        (owed,) = await desk.store.outbox.of_webhook("app", (await desk.store.webhooks.of_app("app"))[0].id, None, 10)
    assert owed.state == "done"
    assert len(set(receiver.ids)) == 1


async def test_an_event_that_was_not_put_whole_is_put_again(desk: Desk) -> None:
    async with receiving() as receiver:
        await desk.hook(receiver.url)
        for steps in range(8):
            one = Desk(mortal(desk.store, steps), desk.clock, desk.caller)
            with contextlib.suppress(Died):
                await one.announcing.finished([("app.send0001", DONE)])
        assert await desk.pass_(HOUR) == 1


async def test_410_ends_it_until_somebody_enables_it_again(desk: Desk) -> None:
    async with receiving(410) as receiver:
        hook, _ = await desk.hook(receiver.url)
        for n in range(3):
            await desk.announcing.finished([(f"app.send000{n}", DONE)])
        await desk.pass_(timedelta(days=4))
        assert len(receiver.heard) == 1
        seen = await desk.store.webhooks.get("app", hook.id)
        assert (seen.disabled_at is not None, seen.disabled_why) == (True, "it answered 410")
        await desk.announcing.finished([("app.send0009", DONE)])
        assert await desk.pass_(HOUR) == 0
        receiver.statuses = [200]
        await desk.store.webhooks.change("app", hook.id, {"disabled": None})
        now = desk.clock.now()
        assert await desk.store.outbox.replay("app", hook.id, (now - timedelta(days=9), now), None, now) == 3
        await desk.pass_(HOUR)
    assert sorted({one["data"]["send"] for one in receiver.told}) == ["send0000", "send0001", "send0002"]


async def test_a_redirect_is_a_failure_and_nobody_goes_there(desk: Desk) -> None:
    async with receiving(302, 200) as receiver:
        await desk.hook(receiver.url)
        await desk.announcing.finished([("app.send0001", DONE)])
        assert await desk.pass_(timedelta(seconds=1)) == 1
        assert await desk.pass_(HOUR) == 1
    assert len(receiver.heard) == 2
    assert len(set(receiver.ids)) == 1


async def test_for_a_day_both_secrets_sign(desk: Desk) -> None:
    async with receiving() as receiver:
        hook, old = await desk.hook(receiver.url)
        desk.clock.advance(timedelta(days=2))
        new = await desk.store.webhooks.rotate("app", hook.id, desk.clock.now())
        await desk.announcing.finished([("app.send0001", DONE)])
        await desk.pass_(HOUR)
        assert receiver.verified(old)
        assert receiver.verified(new)
        await desk.pass_(timedelta(days=1))
        await desk.announcing.finished([("app.send0002", DONE)])
        await desk.pass_(HOUR)
        assert not receiver.verified(old)
        assert receiver.verified(new)


async def test_the_address_is_looked_up_and_checked_at_each_try(opened: Store, clock: FixedClock) -> None:
    answers: list[list[str]] = [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], [], ["127.0.0.1"]]
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async with receiving() as receiver, open_caller(LOCAL, resolve) as caller:
        desk = Desk(opened, clock, caller)
        hook, _ = await desk.hook(f"http://hooks.example:{receiver.port}/hook")
        await desk.announcing.finished([("app.send0001", DONE)])
        errors = []
        for _ in range(3):
            assert await desk.dispatching.due() == 1
            clock.advance(10 * HOUR)
            (owed,) = await desk.store.outbox.of_webhook("app", hook.id, None, 5)
            errors.append(owed.error)
        assert receiver.heard == []
        assert all("address" in one for one in errors), errors
        assert await desk.dispatching.due() == 1
    assert len(asked) == 4
    (headers, _) = receiver.heard[0]
    assert headers["host"] == f"hooks.example:{receiver.port}"


async def test_plain_http_goes_to_the_operators_own_networks_only(opened: Store, clock: FixedClock) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    async with open_caller((), resolve) as caller:
        answered = await caller.call("http://example.com/", {}, b"{}")
    assert (answered.status, answered.error) == (None, "https is needed")


async def test_a_slow_receiver_is_not_waited_for_for_ever(opened: Store, clock: FixedClock) -> None:
    async with receiving() as receiver, open_caller(LOCAL, within=timedelta(seconds=0.2)) as caller:
        desk = Desk(opened, clock, caller)
        receiver.slow = 30
        hook, _ = await desk.hook(receiver.url)
        await desk.announcing.finished([("app.send0001", DONE)])
        assert await desk.dispatching.due() == 1
        (owed,) = await desk.store.outbox.of_webhook("app", hook.id, None, 5)
        receiver.slow = 0
    assert owed.state == "owed"
    assert "no answer" in owed.error


async def test_addresses_of_one_app_that_answer_nothing_hold_up_no_other_app(opened: Store, clock: FixedClock) -> None:
    async with receiving() as deaf, receiving() as well, open_caller(LOCAL, within=HOUR) as caller:
        desk, deaf.slow = Desk(opened, clock, caller), 3600
        for _ in range(20):
            await desk.hook(deaf.url, app="greedy")
        await desk.announcing.finished([("greedy.send0001", DONE)])
        clock.advance(timedelta(seconds=1))
        await desk.hook(well.url, app="other")
        await desk.announcing.finished([("other.send0001", DONE)])
        calling = asyncio.ensure_future(desk.dispatching.run())
        async with asyncio.timeout(60):
            while not well.heard or len(deaf.heard) < OF_ONE_APP:  # noqa: ASYNC110  # the receivers tell nobody
                await asyncio.sleep(0.02)
        calling.cancel()
        await asyncio.wait([calling])
        deaf.slow = 0
    assert len(deaf.heard) == OF_ONE_APP


async def test_every_window_that_tripped_is_told_however_many_were_decided_since(desk: Desk) -> None:
    async with receiving() as receiver:
        await desk.hook(receiver.url, EventKind.ANOMALY)
        now, tally = desk.clock.now(), Tally(results=100, suspects=60)
        for n in range(40):
            await desk.store.windows.open([Window(f"v{n}/0", "app", f"v{n}", "apns", now, now)])
            decision: Decision = "tripped" if n < 2 else "passed"
            await desk.store.windows.decide(f"v{n}/0", decision, "window", tally, 60, now + timedelta(seconds=n))
        desk.clock.advance(HOUR)
        await Watching(desk.store, desk.announcing, Life(timedelta(seconds=1))).round()
        await desk.pass_(HOUR)
    assert [one["data"]["variant"] for one in receiver.told] == ["v0", "v1"]


async def test_of_whom_it_took_out_of_service_it_tells_once_though_the_process_dies_at_every_step(desk: Desk) -> None:
    hook, _ = await desk.hook("https://example.com/", EventKind.DEVICE_RETIRED)
    devices = await register(desk.store, 3, desk.clock.now())
    desk.clock.advance(timedelta(minutes=1))
    for n, device in enumerate(devices):  # one after the other, as if their windows had been judged apart
        now = desk.clock.now()
        found = Finding(device, "BadDeviceToken", now, now)
        await desk.store.quarantine.hold("app", [found], "v1/0", now, condemned=True)
        for steps in range(25):
            with contextlib.suppress(Died):
                await house(Desk(mortal(desk.store, steps), desk.clock, desk.caller)).round()
            gone = len(await desk.store.quarantine.gone("app", devices))
            told = await desk.store.outbox.of_webhook("app", hook.id, None, 100)
            assert n <= len(told) <= gone <= n + 1
        desk.clock.advance(timedelta(seconds=1))
    await house(desk).round()
    events = await desk.store.outbox.of_webhook("app", hook.id, None, 100)
    said = [one["device"] for event in events for one in json.loads(event.data)["devices"]]
    assert sorted(said) == sorted(one.hex() for one in devices)
    assert await desk.store.database["devices"].count_documents({"untold": {"$exists": True}}) == 0


def house(desk: Desk) -> Housekeeping:
    gate = Gate(desk.store, desk.clock, desk.metrics)
    removing = Removing(desk.store, desk.clock, desk.metrics, 1000, 0.05)
    return Housekeeping(desk.store, gate, removing, Life(timedelta(seconds=1)), "one", desk.announcing)


async def test_two_processes_try_the_events_of_a_send_in_order_and_none_waits_for_one_that_failed(desk: Desk) -> None:
    async with receiving(500) as receiver:
        hook, _ = await desk.hook(receiver.url)
        outbox, now = desk.store.outbox, desk.clock.now()
        for n in (1, 2):
            await outbox.put(hook.id, "app", f"event{n}", (EventKind.SEND_FAILING, b"{}"), now, "send0001")
        first = await outbox.take(now, HOUR, ())
        assert first is not None
        assert first.event == "event1"
        assert await outbox.take(now, HOUR, ()) is None  # another process
        await outbox.put(hook.id, "app", "event", (EventKind.SEND_FAILING, b"{}"), now, "send0002")
        other = await outbox.take(now, HOUR, ())
        assert other is not None
        assert other.send == "send0002"
        await desk.dispatching.settle(first)
        desk.clock.advance(timedelta(seconds=1))
        second = await outbox.take(desk.clock.now(), HOUR, ())
    assert second is not None
    assert (second.event, second.tries) == ("event2", 0)


async def test_troubles_are_told_once_each(desk: Desk) -> None:
    async with receiving() as receiver:
        await desk.hook(receiver.url)
        total = Outcomes(planned=200, delivered=150, rejected=50)
        for _ in range(3):
            await desk.announcing.summed("app.send0001", total)
        await desk.announcing.summed("app.send0002", Outcomes(planned=200, delivered=190, rejected=10))
        await desk.announcing.summed("app.send0003", Outcomes(planned=20, rejected=20))
        await desk.announcing.finished([("app.send0001", DONE)])
        watching = Watching(desk.store, desk.announcing, Life(timedelta(seconds=1)))
        variant = await desk.store.variants.create("app", "apns", "iOS", {}, frozenset(), desk.clock.now())
        now = desk.clock.now()
        await desk.store.parking.park(Parked(variant.id, "app", variant.version, "InvalidProviderToken", now, now))
        for _ in range(2):
            await watching.round()
        await desk.pass_(HOUR)
    found = [(one["type"], one["sequence"], one["data"].get("send")) for one in receiver.told]
    assert sorted(found) == [
        ("credential.problem", 0, None),
        ("send.failing", 1, "send0001"),
        ("send.finished", 2, "send0001"),
    ]
    problem = next(one["data"] for one in receiver.told if one["type"] == "credential.problem")
    assert (problem["variant"], problem["reason"]) == (variant.id, "InvalidProviderToken")


async def test_events_of_one_send_that_are_put_at_once_have_numbers_of_their_own(desk: Desk) -> None:
    hook, _ = await desk.hook("https://example.com/")
    at = desk.clock.now()

    async def put(event: str) -> bool:
        return await desk.store.outbox.put(hook.id, "app", event, (EventKind.SEND_FINISHED, b"{}"), at, "send0001")

    fresh = await asyncio.gather(*(put(f"event/{n % 12}") for n in range(24)))
    assert sum(fresh) == 12
    found = await desk.store.outbox.of_webhook("app", hook.id, None, 100)
    assert sorted(one.sequence for one in found) == list(range(1, 13))


async def test_a_webhook_whose_secret_cannot_be_opened_waits_for_a_new_one(desk: Desk) -> None:
    async with receiving() as receiver:
        hook, _ = await desk.hook(receiver.url)
        lost = {"$set": {"secrets": [b"\x01gone" + bytes(60)]}}
        await desk.store.database["webhooks"].update_one({"_id": hook.id}, lost)
        await desk.announcing.finished([("app.send0001", DONE)])
        assert await desk.dispatching.due() == 1
        assert receiver.heard == []
        (owed,) = await desk.store.outbox.of_webhook("app", hook.id, None, 5)
        assert (owed.state, owed.error) == ("owed", "its secret cannot be opened: make a new one")
        secret = await desk.store.webhooks.rotate("app", hook.id, desk.clock.now())
        await desk.pass_(HOUR)
        assert receiver.verified(secret)
