"""What all clients can do they do alike: over HTTP and AMQP, with and without `await`, against running services."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aio_pika
import pytest

from services.client import AsyncCommands, Audience, Filter, Message, NoAnswer, Refused, SendRequest, Tags, TemplateRef
from shared.bus.topology import COMMANDS
from tests.integration.flow.clients import OVER_AMQP, OVER_HTTP, Calling, calling
from tests.integration.flow.scene import Scene, fates, until, utc

pytestmark = pytest.mark.anyio
ADA = Audience(users=("ada",))
DING = Message(title="Ding", data={"a": "b"})
SEAT = Message(template=True, title="Seat {{ values.seat }}")
NOWHERE = Audience(variants=("v0000000000",))


@pytest.fixture(params=[*OVER_HTTP, *OVER_AMQP], ids=lambda kind: kind.__name__)
async def client(scene: Scene, request: pytest.FixtureRequest) -> AsyncIterator[Calling]:
    async with calling(request.param, scene) as one:
        yield one


async def refused(client: Calling, name: str, *said: Any, **more: Any) -> tuple[int, list[str]]:
    """The status, and the fields that are named."""
    with pytest.raises(Refused) as error:
        await client.do(name, *said, **more)
    assert str(error.value) == f"{error.value.status}: {error.value.detail}"
    return error.value.status, [one.pointer for one in error.value.problems]


async def test_a_scheduled_send_is_held_up_goes_on_is_changed_and_called_off(scene: Scene, client: Calling) -> None:
    (dev,) = await scene.devices("apns", 1, user="ada")
    later = utc() + timedelta(hours=1)
    send = (await client.do("send", ADA, DING, send_at=later)).id
    assert (await client.do("pause", send, key="pause-1")).id == send
    assert (await scene.status(send))["order"] == "paused"
    assert (await client.do("resume", send)).id == send
    await client.do("pause", send, key="pause-1")  # it comes again, and changes nothing
    assert (await scene.status(send))["order"] is None
    assert (await refused(client, "cancel", send, key="pause-1"))[0] == 409
    other = SendRequest(audience=ADA, message=Message(title="Dong"), send_at=later, ttl=60)
    assert (await client.do("replace", send, other)).id == send
    kept = await scene.store.sends.get(scene.key(send))
    assert kept is not None
    assert (kept.request.message.title, kept.request.ttl, kept.revision) == ("Dong", 60, 1)
    wrong = other.model_copy(update={"audience": NOWHERE})
    assert await refused(client, "replace", send, wrong) == (422, ["/audience/variants/0"])
    for _ in range(2):
        assert (await client.do("cancel", send)).id == send
    assert fates(await scene.finished(send)) == {"planned": 1, "cancelled": 1}
    assert scene.asked([dev]) == []
    for name in ("pause", "resume"):
        assert (await refused(client, name, send))[0] == 409
    assert (await refused(client, "replace", send, other))[0] == 409


async def test_what_is_ordered_of_a_send_that_is_not_there_is_refused(client: Calling) -> None:
    """All at once: over AMQP a planner is patient with a send that may just be on its way."""
    request = SendRequest(audience=ADA, message=DING)
    orders = [(wish, unknown) for wish in ("cancel", "pause", "resume") for unknown in ("none-such-1", "a/b?c")]
    said = [refused(client, *one) for one in orders] + [refused(client, "replace", "none-such-1", request)]
    assert {status for status, _ in await asyncio.gather(*said)} == {404}
    assert await refused(client, "cancel", "none-such-1", key="two words") == (400, ["/key"])


async def test_what_was_said_of_an_order_says_how_the_send_stands(scene: Scene, client: Calling) -> None:
    later = utc() + timedelta(hours=1)
    send = (await client.do("send", ADA, DING, send_at=later)).id
    request = SendRequest(audience=ADA, message=DING, send_at=later, ttl=60)
    orders: list[tuple[str, tuple[Any, ...]]] = [
        ("pause", ()), ("resume", ()), ("replace", (request,)), ("cancel", ()),
    ]  # fmt: skip
    for name, more in orders:
        said = await client.do(name, send, *more)
        if client.over_http:
            standing = {"pause": "paused", "cancel": "cancelled"}.get(name)
            assert (said.order, said.begins_at is not None) == (standing, True)
        else:
            assert said.state == {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}.get(name, "replaced")


async def test_an_audience_is_counted_and_a_message_looked_at_before_anything_is_sent(
    scene: Scene, client: Calling
) -> None:
    (apple,) = await scene.devices("apns", 1, user="ada", tags=["a"])
    await scene.devices("fcm", 1, user="bob", tags=["a"])
    for audience, devices in (
        (Audience(everyone=True), 2),
        (Audience(tags=Tags(any=("a",)), platforms=("fcm",)), 1),
        (Audience(filter=Filter(not_=Filter(field="user", eq="ada"))), 1),
        (Audience(users=tuple(f"u{n}" for n in range(20))), 0),
    ):
        found = await client.do("estimate", audience)
        assert (found.devices, sum(found.platforms.values())) == (devices, devices), audience
    assert await refused(client, "estimate", Audience(topic="news")) == (422, ["/audience"])
    assert await refused(client, "estimate", NOWHERE) == (422, ["/audience/variants/0"])
    seen = await client.do("preview", apple.id, SEAT, values={"seat": "3L"})
    assert (seen.platform, seen.payload["aps"]["alert"]) == ("apns", {"title": "Seat 3L"})
    made = await scene.call("POST", "/v1/templates", {"name": "seat", "message": SEAT.model_dump(exclude_unset=True)})
    assert made.is_success, made.text
    again = await client.do("preview", apple.id, template=TemplateRef(name="seat"), values={"seat": "3L"})
    assert again.payload == seen.payload  # its headers say until when: that is a second later, now and then
    for said, pointers in (
        (("0" * 24, SEAT), ["/device"]),
        ((apple.id, SEAT), ["/device"]),
        ((apple.id, Message(title="x", pigeon={})), ["/message/pigeon"]),
        (("mine", DING), ["/device"]),
        ((apple.id,), [""]),
    ):
        assert await refused(client, "preview", *said) == (422, pointers)
    assert await refused(client, "preview", apple.id, template=TemplateRef(name="gone")) == (422, ["/template"])


async def test_a_send_is_refused_by_field_or_would_be_taken_or_is(scene: Scene, client: Calling) -> None:
    await scene.devices("apns", 1, user="ada")
    for valid in (await client.do("validate", ADA, DING), await client.do("send", ADA, DING, validate_only=True)):
        assert (valid.state, {one.variant for one in valid.variants}) == ("valid", set(scene.variants.values()))
    for name in ("send", "validate"):
        assert await refused(client, name, NOWHERE, DING) == (422, ["/audience/variants/0"])
        assert await refused(client, name, ADA, DING, ttl=-1) == (422, ["/ttl"])
        assert await refused(client, name, ADA, template=TemplateRef(name="gone")) == (422, ["/template"])
        large = Message(data={"a": "x" * 70_000})
        assert (await refused(client, name, ADA, large))[0] == 413
    sent = await client.do("send", ADA, SEAT, values={"ada": {"seat": "3L"}}, dry_run=True)
    assert (sent.state, sent.begins_at) == ("accepted", None)
    report = await scene.finished(sent.id)
    assert (report["dry_run"], fates(report)) == (True, {"planned": 1, "delivered": 1})


async def test_an_order_of_which_nothing_is_heard_is_carried_out_when_somebody_is_there_again(frail: Scene) -> None:
    """And said again with the key that the error has, it was carried out once."""
    planner, url = frail.fleet.processes["planner"], frail.fleet.site.amqp_url
    async with AsyncCommands(url, frail.app_secret) as carillon:
        send = (await carillon.send(ADA, DING, send_at=utc() + timedelta(hours=1))).id
        await asyncio.to_thread(planner.stop)
        order = asyncio.create_task(carillon.pause(send))
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()

            async def is_said() -> bool:
                queue = await channel.declare_queue(COMMANDS, passive=True)
                return bool(queue.declaration_result.message_count)

            await until(is_said)
    with pytest.raises(NoAnswer, match="may have been carried out, or may still be") as unheard:
        await order
    assert (await frail.status(send))["order"] is None
    await asyncio.to_thread(planner.start)

    async def is_paused() -> bool:
        return bool((await frail.status(send))["order"] == "paused")

    await until(is_paused)
    async with AsyncCommands(url, frail.app_secret) as carillon:
        await carillon.resume(send)
        again = await carillon.pause(send, key=unheard.value.key)
        assert (again.state, again.duplicate) == ("paused", True)
        assert (await frail.status(send))["order"] is None
        await carillon.cancel(send)
