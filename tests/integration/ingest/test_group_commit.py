"""Sends that come together are stored by few inserts and announced by few messages, and each is announced."""

import asyncio
import json
from collections.abc import AsyncIterator

import anyio
import pytest

from services.cli.local.servers import Broker
from shared.bus.connection import Bus, open_bus
from shared.bus.topology import sends_queue, slices_queue
from shared.flow.envelope import SendsDue, SlicesDue
from shared.flow.identity import send_of
from shared.flow.lane import Lane
from tests.integration.ingest.conftest import Database, Ingest
from tests.integration.ingest.tenant import Answer, Tenant

pytestmark = pytest.mark.anyio
TOGETHER = 200
MOST = 20
UNREAD: tuple[int, Answer] = (0, {})
"""The connection was closed before the request was read."""


@pytest.fixture
async def bus(ingest: Ingest) -> AsyncIterator[Bus]:
    async with open_bus(ingest.settings.amqp_url, name="test") as opened:
        yield opened


def post(secret: str) -> bytes:
    body = json.dumps({"audience": {"users": ["ada"]}, "message": {"title": "Ding"}}).encode()
    head = (
        f"POST /v1/sends HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {secret}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def at_once(url: str, request: bytes, times: int) -> list[tuple[int, Answer]]:
    """Status and body of each of so many requests, all written before any answer is read, at little cost of ours."""
    host, _, port = url.removeprefix("http://").partition(":")
    streams = [await asyncio.open_connection(host, int(port)) for _ in range(times)]
    for _, writer in streams:
        writer.write(request)
    answers = [await _answer(reader) for reader, _ in streams]
    for _, writer in streams:
        writer.close()
        await writer.wait_closed()
    return answers


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Answer]:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return UNREAD
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split(" ", 2)[1]), json.loads(await reader.readexactly(length))


async def announced(bus: Bus, queue: str, wanted: set[str]) -> list[list[str]]:
    """What is read from the queue, message by message, until all that is wanted was seen."""
    messages: list[list[str]] = []
    async with bus.consume(queue, prefetch=1000) as consumer:
        with anyio.fail_after(60):
            async for incoming in consumer:
                messages.append(named(incoming.body))
                await incoming.ack()
                if wanted <= {key for message in messages for key in message}:
                    break
    return [message for message in messages if wanted & set(message)]


def named(body: bytes) -> list[str]:
    """The keys of the sends that a wake-up is about, be it for delivery or for a planner."""
    if b'"slices"' in body:
        return [send_of(one.id) for one in SlicesDue.model_validate_json(body).slices]
    due = SendsDue.model_validate_json(body)
    return [*due.sends, *due.small]


async def test_two_hundred_at_once_make_at_most_twenty_inserts_and_twenty_messages(
    tenant: Tenant, ingest: Ingest, stored: Database, bus: Bus
) -> None:
    stored.command("profile", 2)
    answers = await at_once(ingest.url, post(tenant.app_secret), TOGETHER)
    stored.command("profile", 0)
    inserts = stored["system.profile"].count_documents({"op": "insert", "ns": f"{stored.name}.sends"})
    stored["system.profile"].drop()
    assert {status for status, _ in answers} == {202}
    keys = {f"{tenant.id}.{answer['id']}" for _, answer in answers}
    assert len(keys) == TOGETHER
    assert stored["sends"].count_documents({"app": tenant.id}) == TOGETHER
    assert 0 < inserts <= MOST
    for platform in ("apns", "fcm"):
        messages = await announced(bus, slices_queue(platform, Lane.NOW), keys)
        assert sorted(key for message in messages for key in message) == sorted(keys)  # each once
        assert len(messages) <= MOST


async def test_each_lane_has_its_queue(tenant: Tenant, bus: Bus) -> None:
    for lane in Lane:
        small = (await tenant.send(audience={"users": ["ada"]}, lane=lane)).json()["id"]
        assert await announced(bus, slices_queue("fcm", lane), {f"{tenant.id}.{small}"}) == [[f"{tenant.id}.{small}"]]
    large = (await tenant.send(audience={"everyone": True})).json()["id"]
    assert await announced(bus, sends_queue(Lane.BULK), {f"{tenant.id}.{large}"}) == [[f"{tenant.id}.{large}"]]


async def test_the_full_queue_of_one_platform_shuts_no_door_and_its_sends_go_by_a_planner(
    tenant: Tenant, bus: Bus, ingest: Ingest, broker: Broker
) -> None:
    vhost, full = ingest.settings.amqp_url.rpartition("/")[2], slices_queue("fcm", Lane.NOW)
    limit = ("full", "^" + full.replace(".", "[.]") + "$", '{"max-length": 1}', "--apply-to", "queues")
    await anyio.to_thread.run_sync(broker.ctl, "set_policy", "--vhost", vhost, *limit)
    before = (await bus.depth(sends_queue(Lane.NOW))).ready
    sent = []
    try:
        with anyio.fail_after(60):
            while (await bus.depth(sends_queue(Lane.NOW))).ready < before + 3:  # a quorum queue notices late
                sent.append(await accepted(tenant, "fcm"))
        for _ in range(30):
            await accepted(tenant, "apns")
    finally:
        await anyio.to_thread.run_sync(broker.ctl, "clear_policy", "--vhost", vhost, "full")
    assert await announced(bus, sends_queue(Lane.NOW), {sent[-1]}) == [[sent[-1]]]


async def accepted(tenant: Tenant, platform: str) -> str:
    answer = await tenant.send(audience={"users": ["ada"], "platforms": [platform]})
    assert answer.status_code == 202, answer.text
    return f"{tenant.id}.{answer.json()['id']}"
