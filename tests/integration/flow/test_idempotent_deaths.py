"""ingest is killed while requests with keys are on their way: each key is one send in the end, delivered once."""

import asyncio
import random
from collections.abc import Iterable

import httpx
import pytest

from tests.integration.flow.scene import Scene, fates

pytestmark = pytest.mark.anyio
KEYS = 60


async def ask(scene: Scene, key: str) -> httpx.Response | None:
    body = {"audience": {"users": [key]}, "message": {"title": key}}
    headers = {"authorization": f"Bearer {scene.app_secret}", "idempotency-key": key}
    try:
        return await scene.http.post("/v1/sends", json=body, headers=headers)
    except httpx.TransportError:
        return None


async def ask_all(scene: Scene, keys: Iterable[str]) -> dict[str, str]:
    """The ids of those that were accepted."""
    answers = {key: await ask(scene, key) for key in keys}
    return {key: one.json()["id"] for key, one in answers.items() if one is not None and one.status_code == 202}


async def test_each_key_is_one_send_whatever_a_kill_hits(frail: Scene) -> None:
    devices = await frail.devices("apns", KEYS, user="key-{:04}")
    keys = [f"key-{n:04}" for n in range(KEYS)]
    process, ids = frail.fleet.processes["ingest"], dict[str, str]()
    for turn in range(3):
        asking = [asyncio.create_task(ask_all(frail, keys[start::12])) for start in range(12)]
        await asyncio.sleep(random.Random(turn).uniform(0.02, 0.12))
        await asyncio.to_thread(process.kill)
        for one in await asyncio.gather(*asking):
            for key, id_ in one.items():
                assert ids.setdefault(key, id_) == id_
        await asyncio.to_thread(process.start)
    while len(ids) < KEYS:  # 503 until the broker has confirmed to the new process
        for key, id_ in (await ask_all(frail, keys)).items():
            assert ids.setdefault(key, id_) == id_
    for id_ in ids.values():
        assert fates(await frail.finished(id_, 60)) == {"planned": 1, "delivered": 1}
    assert frail.accepted(devices) == {1: KEYS}
    assert len(set(ids.values())) == KEYS
