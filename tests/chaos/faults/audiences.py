"""Devices that come, move, change and go during a send; tokens that are wrong because their variant is."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from services.cli.rehearsal.keys import BUNDLE
from shared.flow.identity import device_id
from tests.chaos import tenant
from tests.chaos.checker.population import Device
from tests.chaos.scene import Scene

CHANGING: Final = 10
"""One device in so many changes."""
AT_ONCE: Final = 8


async def changing(on: Scene) -> None:
    """A tenth of the devices move to another user, get another token, or leave; as many new ones come."""
    pool = [device for number, device in enumerate(on.devices) if number % CHANGING == 0]
    tenant.write(on.folder / "population.jsonl", [replace(device, stable=False) for device in pool])
    limit = asyncio.Semaphore(AT_ONCE)

    async def limited(change: Awaitable[object]) -> None:
        async with limit:
            await change

    async with asyncio.TaskGroup() as group:
        for change in _changes(on, pool):
            group.create_task(limited(change))
    await on.flowing()


def _changes(on: Scene, pool: Sequence[Device]) -> Iterator[Awaitable[object]]:
    for number, device in enumerate(pool):
        path = f"/v1/devices/{device_id(device.variant, f't:{device.token}').hex()}"
        fresh = tenant.token(device.platform, f"{device.token}/later")
        match on.chance.randrange(4):
            case 0:
                yield on.backend.change("PUT", path, {"user": f"moved-{number}"})
            case 1:
                tenant.write(on.folder / "population.jsonl", [replace(device, token=fresh, stable=False)])
                yield on.backend.change("PUT", path, {"token": fresh})
            case 2:
                yield on.backend.change("DELETE", path)
            case _:
                new = replace(device, token=fresh, user=f"new-{number}", stable=False)
                tenant.write(on.folder / "population.jsonl", [new])
                body = {"variant": new.variant, "token": new.token, "user": new.user}
                yield on.backend.change("POST", "/v1/devices", body)


async def wrong_environment(on: Scene) -> None:
    """A variant is switched to Apple's sandbox by mistake, to which its tokens are all wrong; and back, days later.

    What was refused meanwhile is rejected. Afterwards every device must still be there.
    """
    one = next(variant for variant in on.tenant.variants if variant.apple is not None)
    assert one.apple is not None
    alive = [device for device in on.devices if device.variant == one.id and device.stable]
    await on.providers.know("apns", [{"token": device.token, "bundle": BUNDLE} for device in alive])
    await on.providers.turn(("apns",), accept_unknown_tokens=False)
    for environment in ("sandbox", "production"):
        await on.replace_variant(one.id, {"settings": tenant.apns_settings(one.apple, environment)})
        await asyncio.sleep(3)
        await on.campaign_again()
