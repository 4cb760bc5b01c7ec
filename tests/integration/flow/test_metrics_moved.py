"""Each metric moves when what it tells of happens: in a fleet with faults, or in the test that is named."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from services.cli.rehearsal.keys import apple_key
from shared.bus.topology import results_queue
from shared.flow.envelope import ChunksDone
from shared.flow.lane import Lane
from shared.runtime.metrics import catalogue
from tests.integration.flow.backend import Backend
from tests.integration.flow.providers import BUNDLE
from tests.integration.flow.scene import Scene, until, utc
from tests.moved import Watch, watching

pytestmark = pytest.mark.anyio
TESTS = Path(__file__).parents[2]
ELSEWHERE = {
    "broker_blocked": "integration/bus/test_faults.py",
    "chunk_conflicts": "integration/delivery/test_closing.py",
    "claims_lost": "integration/delivery/test_closing.py",
    "credential_days_left": "integration/reporter/test_expiring.py",
    "devices_restored": "integration/reporter/test_hygiene.py",
    "hygiene_windows": "integration/reporter/test_hygiene.py",
    "publish_unconfirmed": "integration/bus/test_faults.py",
    "queue_age_seconds": "integration/bus/test_ceiling.py",
    "queue_paused": "integration/bus/test_ceiling.py",
    "records_lost": "integration/delivery/test_closing.py",
    "retries_waited": "unit/delivery/test_budgets.py",
    "sends_purged": "integration/reporter/test_purging.py",
    "store_failures": "integration/store/test_measured.py",
    "webhook_calls": "integration/reporter/test_webhooks.py",
}
"""What would take hours or a broken broker here, with the test that has it counted."""
OFTEN = timedelta(seconds=0.2)


async def asked_twice_refused_and_garbled(scene: Scene, backend: Backend) -> None:
    await scene.call("POST", "/v1/sends", {"audience": {}})
    command = {"id": secrets.token_hex(8), "audience": {"users": ["nobody"]}, "message": {"title": "Ding"}}
    await backend.command(scene, command)
    assert (await backend.command(scene, command))["duplicate"]
    await backend.publish(b"garbage")


async def devices_of_all_kinds(scene: Scene, backend: Backend) -> None:
    """One is dead, one unknown, one answers late; connections are asked to be left."""
    apple = await scene.crowd("apns", 60)
    await scene.register("apns", secrets.token_hex(32))
    gone = {"status": 410, "reason": "Unregistered", "timestamp": 4102444800000}
    await scene.providers.script("apns", apple[0].token, gone)
    await scene.providers.script("apns", apple[1].token, {"after": 10})
    async with scene.providers.knobs("apns", goaway_after=10):
        send = await scene.send({"variants": [scene.variants["apns"]]})
        await scene.finished(send)
    again = ChunksDone(lane=Lane.BULK, again=(scene.key(send),))  # as if a result came once more
    await backend.put(results_queue(Lane.BULK), again.model_dump_json().encode())


async def a_provider_in_trouble(scene: Scene) -> None:
    google = await scene.crowd("fcm", 60)
    await asyncio.gather(*(scene.providers.script("fcm", one.token, {"status": 503, "times": 2}) for one in google))
    await scene.finished(await scene.send({"platforms": ["fcm"]}))


async def a_send_that_is_called_off(scene: Scene) -> None:
    await scene.devices("apns", user="later")
    send = await scene.send({"users": ["later"]}, send_at=(utc() + timedelta(days=2)).isoformat())
    assert (await scene.call("POST", f"/v1/sends/{send}:cancel")).is_success
    await scene.finished(send)


async def a_key_that_apple_learns_of_late(scene: Scene) -> None:
    key = await asyncio.to_thread(apple_key)
    said = {"environment": "production", "topic": BUNDLE, "key": key.p8, "key_id": key.key_id, "team_id": key.team_id}
    body = {"platform": "apns", "name": "sick", "settings": said}
    variant = (await scene.call("POST", f"/v1/apps/{scene.app}/variants", body, scene.fleet.admin_key)).json()["id"]
    (known,) = await scene.devices("apns", user="elsewhere")
    for number in range(4):
        answer = await scene.call(
            "POST", "/v1/devices", {"variant": variant, "token": known.token, "installation": f"i{number}"},
            scene.client_secret,
        )  # fmt: skip
        assert answer.is_success, answer.text
    send = await scene.send({"variants": [variant]})

    async def parked() -> bool:
        path = f"/v1/apps/{scene.app}/variants/{variant}"
        return (await scene.call("GET", path, key=scene.fleet.admin_key)).json()["parked"] is not None

    await until(parked)
    told = {"key_id": key.key_id, "team_id": key.team_id, "public_key": key.public_key}
    await scene.providers.call("POST", "/apns/keys", told)
    await scene.finished(send)


async def a_worker_that_dies(scene: Scene) -> None:
    """What it had in hand is delivered again, to another or to itself."""
    apple = await scene.crowd("apns", 40)
    await asyncio.gather(*(scene.providers.script("apns", one.token, {"after": 1.5}) for one in apple))
    send = await scene.send({"devices": [one.id for one in apple]})
    await until(lambda: len(scene.asked(apple)) > 5)
    process = scene.fleet.processes["delivery-apns"]
    await asyncio.to_thread(process.kill)
    await asyncio.to_thread(process.start)
    await scene.finished(send)


async def test_every_metric_moves(frail: Scene, frail_backend: Backend) -> None:
    async with watching(frail.fleet, OFTEN) as watch:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asked_twice_refused_and_garbled(frail, frail_backend))
            tasks.create_task(a_provider_in_trouble(frail))
            tasks.create_task(a_send_that_is_called_off(frail))
            tasks.create_task(devices_of_all_kinds(frail, frail_backend))
            tasks.create_task(a_key_that_apple_learns_of_late(frail))
        await a_worker_that_dies(frail)
        await until(lambda: not missing(watch), 20, lambda: f"never moved: {sorted(missing(watch))}")


def missing(watch: Watch) -> set[str]:
    return set(catalogue()) - watch.moved - set(ELSEWHERE)


def test_what_is_counted_elsewhere_is_asserted_there() -> None:
    for metric, path in ELSEWHERE.items():
        assert metric in catalogue()
        assert metric in (TESTS / path).read_text("utf-8"), f"{path} says nothing of {metric}"
