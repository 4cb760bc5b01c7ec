"""A project whose quota is used up is left alone for as long as Google asks; others notice nothing (S14)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from services.cli.local.fleet import Fleet
from tests.integration.flow.conftest import scene_in
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import Scene, fates, until

pytestmark = pytest.mark.anyio
SCALE = 60
QUOTA = 60


@pytest.fixture
async def other(fleet: Fleet) -> AsyncIterator[Scene]:
    async with scene_in(fleet) as one:
        yield one


def moments(asked: list[Json], status: int) -> list[datetime]:
    return sorted(datetime.fromisoformat(one["time"]) for one in asked if one["status"] == status)


@pytest.mark.parametrize(("asks", "wait"), [("150", 150), ("none", 60)])
async def test_nothing_is_sent_for_a_throttled_project_before_it_is_time(
    scene: Scene, other: Scene, asks: str, wait: int
) -> None:
    devices, theirs = await scene.crowd("fcm", 3 * QUOTA), await other.crowd("fcm", QUOTA // 2)
    async with scene.providers.knobs("fcm", project_per_minute=QUOTA, quota_retry_after=asks):
        send = await scene.send()
        await until(lambda: moments(scene.asked(devices), 429))
        assert fates(await other.run()) == {"planned": QUOTA // 2, "delivered": QUOTA // 2}
        await until(lambda: is_parked(scene))
    await scene.providers.call("POST", "/fcm/clock", {"advance": 61})
    assert fates(await scene.finished(send)) == {"planned": 3 * QUOTA, "delivered": 3 * QUOTA}
    first = moments(scene.asked(devices), 429)[0]
    for dev in devices:
        asked = sorted(scene.asked([dev]), key=lambda one: str(one["time"]))
        for refused, again in pairwise(asked):
            assert refused["status"] == 429
            assert datetime.fromisoformat(again["time"]) - first >= timedelta(seconds=wait / SCALE)
    assert len(scene.asked(theirs)) == QUOTA // 2
    await until(lambda: is_resumed(scene))


async def is_parked(scene: Scene) -> bool:
    path = f"/v1/apps/{scene.app}/variants/{scene.variants['fcm']}"
    parked = (await scene.call("GET", path, key=scene.fleet.admin_key)).json()["parked"]
    return parked is not None and str(parked["reason"]).startswith("QUOTA_EXCEEDED")


async def is_resumed(scene: Scene) -> bool:
    return not await is_parked(scene)
