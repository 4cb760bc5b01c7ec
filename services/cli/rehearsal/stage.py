"""Sets the rehearsal up: credentials, an app with two variants, its devices, and simulators that know all of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.cli.api import AT_ONCE, Api
from services.cli.rehearsal.audience import Drawn
from services.cli.rehearsal.books import Place
from services.cli.rehearsal.keys import BUNDLE, apple_key, service_account
from services.cli.rehearsal.stand_ins import StandIns

APP: Final = "Bells"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """A rehearsal that may begin. `backend` speaks for the app; `ids` are Carillon's ids of the devices."""

    app: str
    variants: Mapping[str, str]
    backend: Api
    devices: Sequence[Drawn]
    ids: Mapping[Place, str]


async def set_stage(admin: Api, control: Api, devices: Sequence[Drawn], say: Say) -> Stage:
    """`admin` holds the operator's key."""
    apple, google = await asyncio.to_thread(apple_key), await asyncio.to_thread(service_account)
    stand_ins = StandIns(control)
    await stand_ins.trust(apple, google)
    app = await admin.create_app(APP)
    apns = {"environment": "production", "topic": BUNDLE, "key": apple.p8}
    apns |= {"key_id": apple.key_id, "team_id": apple.team_id}
    variants = {
        "apns": await admin.add_variant(app["id"], "apns", "ios", apns),
        "fcm": await admin.add_variant(app["id"], "fcm", "android", {"service_account": google.file}),
    }
    say(f"app {app['id']} has a variant for APNs and one for FCM")
    ids = await _register(admin.under(app["client_secret"]), devices, variants)
    # After the registrations: what died later is dead for good, what died before has registered again since.
    await stand_ins.know(devices, datetime.now(UTC))
    say(f"{len(devices):,} devices are registered, with Carillon and with their providers")
    return Stage(app["id"], variants, admin.under(app["app_secret"]), devices, ids)


async def _register(client: Api, devices: Sequence[Drawn], variants: Mapping[str, str]) -> dict[Place, str]:
    """As the apps on the devices do."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(device: Drawn) -> tuple[Place, str]:
        body = {"variant": variants[device.platform], "token": device.token}
        body |= {"user": device.user, "locale": device.locale}
        async with at_once:
            return (device.platform, device.token), await client.register(body)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(device)) for device in devices]
    return dict(task.result() for task in tasks)
