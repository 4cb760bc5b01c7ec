"""Queues at their limits and a reporter that does not keep up: what cannot be published waits, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.cli.local.servers import Broker
from tests.integration.flow.scene import Scene, fates, frozen, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]


@asynccontextmanager
async def at_most(broker: Broker, scene: Scene, queues: str, messages: int) -> AsyncIterator[None]:
    """These queues refuse more than so many messages: of a policy's limit and the queue's own the lower one holds."""
    vhost = scene.fleet.site.database
    limit = f'{{"max-length": {messages}}}'
    await asyncio.to_thread(broker.ctl, "set_policy", "--vhost", vhost, "--apply-to", "queues", "tight", queues, limit)
    try:
        yield
    finally:
        await asyncio.to_thread(broker.ctl, "clear_policy", "--vhost", vhost, "tight")


async def test_while_the_reporter_hears_nothing_and_its_queue_is_full_delivery_goes_on(
    frail: Scene, broker: Broker
) -> None:
    devices = [*await frail.crowd("fcm", 600), *await frail.devices("fcm", 4, user="u{}")]
    async with at_most(broker, frail, r"^results\.", 3), frozen(frail.fleet.processes["reporter"].pid):
        campaign = await frail.send()
        singles = [await frail.send({"users": [f"u{n % 4}"]}) for n in range(12)]
        await until(lambda: frail.accepted(devices) == {1: 600, 4: 4})
    assert fates(await frail.finished(campaign)) == {"planned": 604, "delivered": 604}
    reports = await asyncio.gather(*(frail.finished(send) for send in singles))
    assert [fates(one) for one in reports] == [{"planned": 1, "delivered": 1}] * 12
    assert frail.accepted(devices) == {1: 600, 4: 4}
    await until(lambda: frail.store.reports.is_told(frail.key(campaign)))


async def test_slices_that_their_queue_refuses_come_later_and_none_is_worked_twice(
    frail: Scene, broker: Broker
) -> None:
    devices = [*await frail.crowd("fcm", 900), *await frail.devices("fcm", 4, user="u{}")]
    async with (
        at_most(broker, frail, r"^slices\.", 1),
        frail.providers.knobs("fcm", latency={"median": 0.2}),
    ):
        campaigns = [await frail.send() for _ in range(3)]
        singles = [await frail.send({"users": [f"u{n % 4}"]}) for n in range(12)]
        await asyncio.sleep(3)
    reports = [fates(await frail.finished(send, 60)) for send in campaigns]
    assert reports == [{"planned": 904, "delivered": 904}] * 3
    reports = [fates(await frail.finished(send, 60)) for send in singles]
    assert reports == [{"planned": 1, "delivered": 1}] * 12
    assert frail.accepted(devices) == {3: 900, 6: 4}
