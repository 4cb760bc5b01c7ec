"""A push certificate of the other environment: Apple says so once, and is left alone until it is mended (S9)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from services.cli.local.ports import LOOPBACK, free_port
from services.cli.local.processes import ServiceProcess
from services.cli.local.services import DELIVERY_APNS, environment
from tests.integration.flow.conftest import FAULTS
from tests.integration.flow.providers import BUNDLE, entry, new_token
from tests.integration.flow.scene import Dev, Scene, fates, until

pytestmark = pytest.mark.anyio
NAME = "delivery-apns"


@dataclass
class Front:
    """Stands before a provider and counts who connects."""

    target: int
    connects: int = 0
    url: str = ""

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.target)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def front(target: int) -> AsyncIterator[Front]:
    one = Front(target)
    async with await asyncio.start_server(one.relay, LOOPBACK, 0) as server:
        one.url = f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        yield one


@contextlib.asynccontextmanager
async def worker_that_asks(scene: Scene, sandbox: str) -> AsyncIterator[None]:
    """In the place of the fleet's own: it takes this for Apple's sandbox."""
    own, port = scene.fleet.processes[NAME], free_port()
    told = {**FAULTS[NAME], "APNS_SANDBOX_URL": sandbox}
    variables = environment(DELIVERY_APNS, scene.fleet.site, port, told)
    other = ServiceProcess(f"{NAME}-elsewhere", "services.delivery", variables, port, scene.fleet.site.folder / "log")
    await asyncio.to_thread(own.stop)
    try:
        await asyncio.to_thread(other.start)
        yield
        assert await asyncio.to_thread(other.stop) == 0
    finally:
        await asyncio.to_thread(other.kill)
        await asyncio.to_thread(own.start)


async def certified(scene: Scene, count: int) -> list[Dev]:
    """Devices of a variant whose certificate is for the sandbox only, as they are."""
    made = await scene.providers.call(
        "POST", "/apns/certificates/make", {"bundle": BUNDLE, "environments": ["sandbox"]}
    )
    settings = {"environment": "sandbox", "topic": BUNDLE, "certificate": made["certificate"]}
    body = {"platform": "apns", "name": "certified", "settings": settings}
    answer = await scene.call("POST", f"/v1/apps/{scene.app}/variants", body, scene.fleet.admin_key)
    assert answer.is_success, answer.text
    scene.variants["certified"] = answer.json()["id"]
    tokens = [new_token("apns") for _ in range(count)]
    known = [entry("apns", token, scene.project, {"environment": "sandbox"}) for token in tokens]
    await scene.providers.know("apns", known)
    return [Dev(await scene.register("certified", token), "apns", token) for token in tokens]


async def test_a_certificate_of_the_other_environment_costs_two_connects_and_then_a_pause(frail: Scene) -> None:
    devices = await certified(frail, 60)
    variant = frail.variants["certified"]
    async with front(frail.fleet.site.provider_ports["apns.production"]) as wrong:
        async with worker_that_asks(frail, wrong.url):
            send = await frail.send({"variants": [variant]}, ttl=3600)
            await until(lambda: parked(frail, variant))
            await asyncio.sleep(3)  # in which a storm would show
            connects = wrong.connects
            probes = await frail.store.parking.of([variant])
        assert probes[variant].reason == "BadCertificateEnvironment"
        assert 1 <= connects <= 2 + probes[variant].probes
        assert frail.asked(devices) == []
        assert (await frail.status(send))["state"] == "running"
    assert fates(await frail.finished(send)) == {"planned": 60, "delivered": 60}
    assert frail.accepted(devices) == {1: 60}
    assert not any([await retired(frail, dev) for dev in devices])


async def parked(scene: Scene, variant: str) -> bool:
    return bool(await scene.store.parking.of([variant]))


async def retired(scene: Scene, dev: Dev) -> bool:
    found = await scene.store.devices.get(scene.app, bytes.fromhex(dev.id))
    return found is None or "retired" in found
