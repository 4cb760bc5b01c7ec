"""Every service restarted in turn while a campaign runs and single sends trickle: nobody notices."""

import asyncio
import time

import httpx
import pytest

from services.cli.local.processes import ServiceProcess
from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio
SERVICES = ("planner", "delivery-fcm", "reporter", "delivery-apns", "ingest")
DRAIN = 25
"""CARILLON_DRAIN_SECONDS, by default."""


async def restart(process: ServiceProcess) -> float:
    """Seconds from SIGTERM to the end; the process left of its own."""
    began = time.monotonic()
    assert await asyncio.to_thread(process.stop) == 0
    took = time.monotonic() - began
    await asyncio.to_thread(process.start)
    return took


async def trickle(scene: Scene, over: asyncio.Event) -> list[str]:
    """Sends to one user after another, as a backend does that asks again where nothing was stored."""
    sends: list[str] = []
    while not over.is_set():
        body = {"audience": {"users": [f"u{len(sends) % 4}"]}, "message": {"title": "Ding"}}
        try:
            answer = await scene.call("POST", "/v1/sends", body)
        except httpx.ConnectError:  # ingest is between two lives: nothing went out
            await asyncio.sleep(0.1)
            continue
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
        else:
            assert answer.status_code == 202, answer.text
            sends.append(answer.json()["id"])
        await asyncio.sleep(0.2)
    return sends


@pytest.mark.timeout(240)
async def test_a_rolling_restart_of_every_service_repeats_nothing_and_loses_nothing(frail: Scene) -> None:
    crowd = [*await frail.crowd("fcm", 700), *await frail.crowd("apns", 500)]
    users = await frail.devices("fcm", 4, user="u{}")
    slow, over = {"median": 0.4}, asyncio.Event()
    async with frail.providers.knobs("fcm", latency=slow), frail.providers.knobs("apns", latency=slow):
        campaign = await frail.send()
        trickling = asyncio.ensure_future(trickle(frail, over))
        await until(lambda: len(frail.asked(crowd)) >= 100)
        took = {name: await restart(frail.fleet.processes[name]) for name in SERVICES}
        over.set()
        sends = await trickling
        reports = await asyncio.gather(*(frail.finished(send) for send in sends))
        report = await frail.finished(campaign)
    assert max(took.values()) < DRAIN, took
    assert fates(report) == {"planned": 1204, "delivered": 1204}
    assert [fates(one) for one in reports] == [{"planned": 1, "delivered": 1}] * len(sends)
    assert len(sends) > len(SERVICES)
    assert frail.accepted(crowd) == {1: 1200}
    assert sum(times * n for times, n in frail.accepted(users).items()) == 4 + len(sends)
