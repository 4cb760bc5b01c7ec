"""Who follows a send at one replica goes on at another, which has looked at the store at other moments."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.live import open_live
from shared.flow.accept import RouteTarget, accept
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.report import Outcomes, Report
from shared.flow.send import Send, SendRequest
from shared.runtime.clock import FixedClock
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio


async def append(store: Store, send: Send, chunks: int) -> None:
    report = Report(state="running", total=Outcomes(planned=10), chunks=10, chunks_recorded=chunks)
    await store.events.append(send.key, report, FixedClock().now() + timedelta(seconds=chunks), timedelta())


def followed() -> Send:
    request = SendRequest(audience=Audience(everyone=True), message=Message(title="Ding"))
    now = FixedClock().now()
    return accept(request, "app", "app.send0001", [RouteTarget("v1", "apns")], now, check=lambda *_: [])


async def test_of_a_long_send_the_last_events_are_in_memory_and_who_resumes_before_them_has_all(
    mongodb_url: str, database: str, tmp_path: Path
) -> None:
    send = followed()

    async def found() -> Send:
        return send

    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        for chunks in range(1, 31):
            await append(store, send, chunks)
        async with open_live(store, kept=5, page=4) as live:
            channel = await live.join(send.key, found)
            assert [one.n for one in channel.log] == [26, 27, 28, 29, 30]
            for start in (0, 7, 24, 25, 28, 30):
                seen, told = start, list[int]()
                while some := await live.since(channel, seen):
                    told += [one.n for one in some]
                    seen = told[-1]
                assert told == list(range(start + 1, 31))
            await store.events.forget(send.key)
            assert [one.n for one in await live.since(channel, 0)] == [26, 27, 28, 29, 30]


async def test_an_event_that_another_replica_has_told_already_is_not_told_again(
    mongodb_url: str, database: str, tmp_path: Path
) -> None:
    send = followed()

    async def found() -> Send:
        return send

    async with open_store(mongodb_url, database, open_keyring(tmp_path / "keyring")) as store:
        await store.ensure()
        await append(store, send, 1)
        async with open_live(store) as live:
            channel = await live.join(send.key, found)
            for chunks in range(2, 40):
                before = channel.latest
                await append(store, send, chunks)
                if channel.latest == before:  # else its look came just then
                    break
            told = chunks
            await asyncio.gather(*(live.reach(channel, told) for _ in range(20)))
            assert channel.latest == told
            assert channel.after(told) == []
            await live.reach(channel, 999)
            assert [one.n for one in channel.log] == list(range(1, told + 1))
            await append(store, send, told + 1)
            async with asyncio.timeout(60), channel.changed:
                await channel.changed.wait_for(lambda: channel.latest > told)
            assert [one.n for one in channel.after(told)] == [told + 1]
