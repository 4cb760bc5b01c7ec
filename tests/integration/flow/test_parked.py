"""A variant whose credentials are refused is left alone, keeps what it is owed, and goes on once they are mended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from services.cli.rehearsal.keys import AppleKey, apple_key
from tests.integration.flow.providers import BUNDLE, Json
from tests.integration.flow.scene import Dev, Scene, fates, until

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Sick:
    """A second variant of Apple's devices, whose key Apple does not know."""

    scene: Scene
    key: AppleKey
    id: str

    @property
    def path(self) -> str:
        return f"/v1/apps/{self.scene.app}/variants/{self.id}"

    async def devices(self, count: int) -> list[Dev]:
        self.scene.variants["sick"] = self.id
        tokens = [dev.token for dev in await self.scene.devices("apns", count)]  # known to Apple
        for token in tokens:
            await self.scene.register("apns", token, user="elsewhere")
        return [Dev(await self.scene.register("sick", token), "apns", token) for token in tokens]

    async def shown(self) -> Json:
        answer = await self.scene.call("GET", self.path, key=self.scene.fleet.admin_key)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def is_parked(self) -> bool:
        return (await self.shown())["parked"] is not None

    async def mend(self) -> None:
        """Apple learns of the key."""
        key = {"key_id": self.key.key_id, "team_id": self.key.team_id, "public_key": self.key.public_key}
        await self.scene.providers.call("POST", "/apns/keys", key)

    def refused(self, devices: Sequence[Dev]) -> int:
        return sum(one["status"] == 403 for one in self.scene.asked(devices))


def settings(key: AppleKey) -> Json:
    return {
        "environment": "production", "topic": BUNDLE, "key": key.p8, "key_id": key.key_id, "team_id": key.team_id,
    }  # fmt: skip


@pytest.fixture
async def sick(scene: Scene) -> Sick:
    key = apple_key()
    body = {"platform": "apns", "name": "sick", "settings": settings(key)}
    answer = await scene.call("POST", f"/v1/apps/{scene.app}/variants", body, scene.fleet.admin_key)
    assert answer.is_success, answer.text
    return Sick(scene, key, answer.json()["id"])


async def test_a_refused_variant_is_parked_and_resumes_by_a_probe_with_nothing_lost(sick: Sick) -> None:
    devices = await sick.devices(60)
    send = await sick.scene.send({"variants": [sick.id]})
    await until(sick.is_parked)
    assert (await sick.shown())["parked"]["reason"] == "InvalidProviderToken"
    later = await sick.scene.send({"devices": [devices[0].id]})
    assert fates(await sick.scene.run({"variants": [sick.scene.variants["apns"]]})) == {"planned": 60, "delivered": 60}
    at_once = 2 * 60  # all chunks were under way; each notification is tried on two connections, and so is a probe
    assert at_once <= sick.refused(devices) <= at_once + 2 * 4
    assert not Counter(one["status"] for one in sick.scene.asked(devices))[200] - 60
    await sick.mend()
    report = await sick.scene.finished(send)
    assert fates(report) == {"planned": 60, "delivered": 60}
    assert report["retries"] == 0
    assert fates(await sick.scene.finished(later)) == {"planned": 1, "delivered": 1}
    assert not await sick.is_parked()


async def test_new_credentials_resume_a_variant_at_once(sick: Sick) -> None:
    devices = await sick.devices(30)
    send = await sick.scene.send({"variants": [sick.id]})
    await until(sick.is_parked)
    parked = sick.scene.store.database["parked"]
    await parked.update_one({"_id": sick.id}, {"$set": {"probes": 9}})  # no worker knows of this probe: none is due
    good = apple_key()
    key = {"key_id": good.key_id, "team_id": good.team_id, "public_key": good.public_key}
    await sick.scene.providers.call("POST", "/apns/keys", key)
    changed = await sick.scene.call("PUT", sick.path, {"settings": settings(good)}, sick.scene.fleet.admin_key)
    assert changed.json()["parked"] is None
    assert fates(await sick.scene.finished(send)) == {"planned": 30, "delivered": 30}
    assert len(devices) == 30


async def test_a_variant_that_cannot_be_opened_harms_no_other_and_goes_on_with_new_settings(sick: Sick) -> None:
    variants = sick.scene.store.database["variants"]
    sealed = (await variants.find_one({"_id": sick.id}) or {})["sealed"]
    await variants.update_one({"_id": sick.id}, {"$set": {"sealed": sealed[:1] + b"gone" + sealed[5:]}})
    devices = await sick.devices(20)
    send = await sick.scene.send()
    await until(sick.is_parked)
    shown = await sick.shown()
    assert (shown["parked"]["reason"], shown["problem"]["reason"]) == ("settings_unreadable", "not_opened")
    assert len(sick.scene.asked(devices)) == 20, "by the variant that is well"
    await sick.mend()
    answer = await sick.scene.call("PUT", sick.path, {"settings": settings(sick.key)}, sick.scene.fleet.admin_key)
    assert (answer.json()["parked"], answer.json()["problem"]) == (None, None)
    assert fates(await sick.scene.finished(send)) == {"planned": 40, "delivered": 40}


async def test_what_stays_parked_is_closed_by_its_deadline(sick: Sick) -> None:
    devices = await sick.devices(50)
    report = await sick.scene.run({"variants": [sick.id]}, ttl=12)
    assert fates(report) == {"planned": 50, "expired": 50}
    assert sick.refused(devices) < 2 * 50 + 2 * 20
    assert await sick.is_parked()


async def test_an_operator_or_its_backend_resumes_a_variant_and_nobody_else(sick: Sick) -> None:
    await sick.devices(5)
    send = await sick.scene.send({"variants": [sick.id]})
    await until(sick.is_parked)
    resume = f"{sick.path}:resume"
    assert (await sick.scene.call("POST", resume, key=sick.scene.client_secret)).status_code == 403
    elsewhere = resume.replace(sick.scene.app, "another")
    assert (await sick.scene.call("POST", elsewhere)).status_code == 404
    await sick.mend()
    for key in (sick.scene.app_secret, sick.scene.fleet.admin_key):
        answer = await sick.scene.call("POST", resume, key=key)
        assert (answer.status_code, answer.json()["parked"]) == (200, None)
    assert fates(await sick.scene.finished(send)) == {"planned": 5, "delivered": 5}


async def test_one_strange_answer_parks_nobody(scene: Scene) -> None:
    (odd,), others = await scene.devices("apns"), await scene.devices("apns", 5)
    strange = {"status": 403, "reason": "Forbidden"}
    await scene.providers.script("apns", odd.token, strange)
    assert fates(await scene.run({"devices": [odd.id]})) == {"planned": 1, "delivered": 1}
    await scene.providers.script("apns", odd.token, strange, strange)
    send = await scene.send()
    await until(lambda: len(scene.asked(others)) == 5)
    variant = f"/v1/apps/{scene.app}/variants/{scene.variants['apns']}"
    assert (await scene.call("GET", variant, key=scene.fleet.admin_key)).json()["parked"] is None
    assert fates(await scene.finished(send)) == {"planned": 6, "delivered": 6}
