"""After an erasure the raw bytes of the store name the user nowhere, nor the devices; every count stays as it was."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta

import pytest

from services.reporter.erasing import Erasing
from shared.flow.accept import RouteTarget, accept, lists_of
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.record import Owed
from shared.flow.report import fold
from shared.flow.send import Send, SendRequest
from shared.flow.webhook import EventKind
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.store.claims import Claim
from shared.store.connection import Store
from shared.store.devices import Registration
from shared.store.interactions import Told
from shared.store.sends import Sends
from tests.integration.reporter.estate import Died, mortal
from tests.integration.reporter.test_purging import SECRET, USER, bytes_of, sent

pytestmark = pytest.mark.anyio
TOKEN = "an-unmistakable-token-of-hers"


async def no_letters(_: str, __: Collection[str]) -> int:
    return 0


def erasing(store: Store, clock: FixedClock) -> Erasing:
    return Erasing(store, clock, Life(timedelta(seconds=1)), "one", no_letters)


async def register(store: Store, app: str, variant: str, user: str, token: str) -> bytes:
    registration = Registration(app, variant, "apns", token, None, {"user": user})
    return (await store.devices.register(registration, FixedClock().now()))[0]


async def estate(store: Store, clock: FixedClock) -> tuple[str, bytes, bytes]:
    """An app with a user of two devices and another user; sends name both, and records name the devices."""
    app = (await store.apps.create("bells", clock.now()))[0].id
    variant = (await store.variants.create(app, "apns", "iOS", {}, frozenset(), clock.now())).id
    hers = await register(store, app, variant, USER, TOKEN)
    return app, hers, await register(store, app, variant, "bob", "his-token")


async def mentioned(store: Store, clock: FixedClock, app: str, hers: bytes, his: bytes) -> None:
    for id_, users in (("send0001", 1), ("send0002", 3), ("send0003", 50)):
        send = await sent(store, clock, app, id_, users)
        part = (await store.records.parts([f"{send.key}.0.0/0"]))[f"{send.key}.0.0/0"]
        dead = part.undelivered[0]
        swapped = part.model_copy(
            update={
                "undelivered": tuple(dead.model_copy(update={"device": device}) for device in (hers, his)),
                "owed": (Owed(step=0, due=clock.now(), reason="503", devices=(hers, his)),),
            }
        )
        await store.database["records"].update_one(
            {"members": part.member}, {"$set": {"parts": [swapped.model_dump(mode="python")]}}
        )
        await store.interactions.note([Told(send.key, hers, "opened", None, clock.now())])


async def test_what_was_on_its_way_is_erased_when_it_has_come_and_who_is_back_is_left_alone(
    opened: Store, clock: FixedClock
) -> None:
    app, hers, his = await estate(opened, clock)
    variant = (await opened.variants.all(app))[0].id
    other = await register(opened, app, variant, USER, "another-token-of-hers")
    now = clock.now()
    assert isinstance(await opened.claims.take([f"{app}.send0001.0.0/0"], "w", now, now + timedelta(seconds=30)), Claim)
    asked = await opened.erasures.ask(app, USER, now)
    await erasing(opened, clock).round()
    assert await opened.devices.get(app, hers) is None
    assert (await opened.erasures.get(app, asked.id)).state == "owed"
    await mentioned(opened, clock, app, hers, his)  # by chunks whose devices were looked up before
    assert await register(opened, app, variant, USER, "another-token-of-hers") == other
    await opened.interactions.note([Told(f"{app}.send0001", other, "opened", None, clock.now())])
    await erasing(opened, clock).round()
    assert (await opened.erasures.get(app, asked.id)).state == "owed"
    clock.advance(timedelta(minutes=2))
    await erasing(opened, clock).round()
    done = await opened.erasures.get(app, asked.id)
    assert (done.state, done.erased, done.user, done.devices) == ("done", 2, "", ())
    after = await bytes_of(opened)
    assert repr(hers).encode() not in after
    assert hers.hex().encode() not in after
    assert repr(his).encode() in after
    assert await opened.devices.get(app, other) is not None
    assert [one.kind for one in await opened.interactions.of_device(f"{app}.send0001", other)] == ["opened"]


async def test_whatever_a_user_is_called_he_is_erased_and_one_who_cannot_be_holds_up_no_other(
    opened: Store, clock: FixedClock
) -> None:
    app, _, his = await estate(opened, clock)
    variant = (await opened.variants.all(app))[0].id
    names = ["nul\0l", "a/b", "$where", 'q"uote', "back\\slash", "bell 🔔", ".", "^.*$", " ", "x" * 256]
    asked = []
    for n, user in enumerate(["a broken one", *names]):
        await register(opened, app if n else "broken", variant, user, f"token-of-{n}")
        asked.append(await opened.erasures.ask(app if n else "broken", user, clock.now()))
        clock.advance(timedelta(seconds=1))
    users = [*names, *(f"user-{n}" for n in range(30))]
    request = SendRequest(
        audience=Audience(users=tuple(users)), message=Message(title="{{ values.a }}", template=True),
        values={user: {"a": f"of {n}"} for n, user in enumerate(names)},
    )  # fmt: skip
    send = accept(request, app, f"{app}.send0001", [RouteTarget(variant, "apns")], clock.now(), check=lambda *_: [])
    for name, values in lists_of(request).items():
        await opened.lists.insert(send.list_name(name), values)
    await opened.sends.insert([send])
    await opened.database["sends"].insert_one(
        {"_id": "broken.send0001", "app": "broken", "accepted_at": clock.now(), "body": b"{}"}
    )
    await erasing(opened, clock).round()
    states = [(await opened.erasures.get(one.app, one.id)).state for one in asked]
    assert states == ["owed", *(["done"] * len(names))]
    left = await opened.lists.whole(send, "recipients")
    assert len(left) == len(users)
    assert [one for one in left if json.loads(one)[0] in names] == []
    assert await opened.devices.get(app, his) is not None


@pytest.mark.parametrize("dies", [False, True], ids=["at once", "dying at every step"])
async def test_nothing_is_left_of_a_user_and_nothing_else_is_gone(
    opened: Store, clock: FixedClock, *, dies: bool
) -> None:
    app, hers, his = await estate(opened, clock)
    await mentioned(opened, clock, app, hers, his)

    before = [fold(await opened.records.of_send(f"{app}.send000{n}")) for n in (1, 2, 3)]
    asked = await opened.erasures.ask(app, USER, clock.now())
    if dies:
        for steps in range(2, 40):
            try:
                await erasing(mortal(opened, steps), clock).round()
            except Died:
                clock.advance(timedelta(minutes=6))
    await erasing(opened, clock).round()
    done = await opened.erasures.get(app, asked.id)
    assert (done.state, done.erased) == ("done", 1)
    after = await bytes_of(opened)
    for gone in (USER.encode() + b"'", USER.encode() + b'"', TOKEN.encode(), repr(hers).encode(), hers.hex().encode()):
        assert gone not in after, gone
    assert repr(his).encode() in after
    assert [fold(await opened.records.of_send(f"{app}.send000{n}")) for n in (1, 2, 3)] == before
    assert await opened.devices.get(app, hers) is None
    assert await opened.devices.get(app, his) is not None
    assert f"{USER}-1".encode() in after  # another user, whose name begins like hers
    found = [await opened.sends.get(f"{app}.send000{n}") for n in (1, 2, 3)]
    assert [one.request.message.title for one in found if one] == [None, SECRET, SECRET]
    parts = (await opened.records.parts([f"{app}.send0001.0.0/0"])).values()
    assert all(len(set(one.owed[0].devices)) == 2 for one in parts)


class Overtaken(Sends):
    """Sends that a backend replaces whenever a page of them has been read."""

    async def latest(self, app: str, limit: int, before: tuple[datetime, str] | None = None) -> list[Send]:
        page = await super().latest(app, limit, before)
        for one in page:
            message = one.request.message.model_copy(update={"title": f"{SECRET}, or {one.revision + 43}"})
            request = one.request.model_copy(update={"message": message})
            assert await self.replace(one.model_copy(update={"request": request, "revision": one.revision + 1}))
        return page


async def test_a_send_that_is_replaced_while_its_names_are_erased_stays_the_newer_one_without_them(
    opened: Store, clock: FixedClock
) -> None:
    app, _, _ = await estate(opened, clock)
    begins = clock.now() + timedelta(days=1)
    request = SendRequest(audience=Audience(users=(USER, "bob")), message=Message(title=SECRET), send_at=begins)
    send = accept(request, app, f"{app}.send0001", [RouteTarget("v1", "apns")], clock.now(), check=lambda *_: [])
    await opened.sends.insert([send])
    opened.sends = Overtaken(opened.database)
    asked = await opened.erasures.ask(app, USER, clock.now())
    await erasing(opened, clock).round()
    assert (await opened.erasures.get(app, asked.id)).state == "done"
    left = await opened.sends.get(send.key)
    assert left is not None
    assert (left.revision, left.request.message.title) == (1, f"{SECRET}, or 43")
    named = left.request.audience.users or ()
    assert USER not in named
    assert "bob" in named
    begun = await opened.sends.begin(send.key, begins)
    assert begun is not None
    assert begun[0].revision == 1


async def test_webhooks_are_told_of_the_others_of_an_event_that_named_the_user(
    opened: Store, clock: FixedClock
) -> None:
    app, hers, his = await estate(opened, clock)
    for event, devices in (("both", (hers, his)), ("only", (hers,))):
        data = {"variant": "v1", "devices": [{"device": one.hex(), "reason": "Unregistered"} for one in devices]}
        told = (EventKind.DEVICE_RETIRED, json.dumps(data).encode())
        await opened.outbox.put("hook", app, event, told, clock.now())
    await opened.erasures.ask(app, USER, clock.now())
    await erasing(opened, clock).round()
    (left,) = await opened.outbox.of_webhook(app, "hook", "owed", 10)
    assert (left.event, [one["device"] for one in json.loads(left.data)["devices"]]) == ("both", [his.hex()])


async def test_a_device_of_a_variant_that_was_removed_meanwhile_is_erased_too(opened: Store, clock: FixedClock) -> None:
    app, hers, his = await estate(opened, clock)
    await opened.variants.delete(app, (await opened.variants.all(app))[0].id)
    asked = await opened.erasures.ask(app, USER, clock.now())
    await erasing(opened, clock).round()
    assert ((await opened.erasures.get(app, asked.id)).state, await opened.devices.get(app, hers)) == ("done", None)
    assert await opened.devices.get(app, his) is not None
    assert TOKEN.encode() not in await bytes_of(opened)
