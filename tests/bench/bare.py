"""The yardsticks as their own documentation uses them: no deadlines, no verdicts, no histogram of ours."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from aioapns import NotificationRequest, PushType
from aioapns.connection import APNsKeyConnectionPool, APNsTLSClientProtocol

from services.cli.rehearsal.keys import BUNDLE
from services.delivery.job import Found, Job
from services.delivery.transport.tls import client_context
from shared.flow.device import Device
from shared.flow.identity import notification_id
from shared.providers.apns.settings import ApnsSettings
from shared.providers.contract import Context, Origin
from tests.bench.work import Campaign, Each

IN_FLIGHT: Final = {"aioapns": 500, "httpx": 100}
"""Each at its fastest: httpx is slower the more it has in flight."""
Work = Sequence[tuple[Job, Found]]
Sending = Callable[[Work], Awaitable[Counter[str]]]
One = Callable[[Device, dict[str, str], Any], Awaitable[bool]]


@asynccontextmanager
async def open_aioapns(address: str, ca: Path, campaign: Campaign) -> AsyncIterator[Sending]:
    """One connection, aioapns' own token authentication."""
    host, _, port = address.rpartition(":")
    settings = ApnsSettings.model_validate(campaign.variant.settings)
    pool = APNsKeyConnectionPool(
        topic=BUNDLE,
        max_connections=1,
        key=str(settings.key),
        key_id=str(settings.key_id),
        team_id=str(settings.team_id),
    )
    pool.ssl_context = client_context(Origin(host, int(port), "bench"), ca, "h2")
    pool.protocol_class = type("Protocol", (APNsTLSClientProtocol,), {"APNS_SERVER": host, "APNS_PORT": int(port)})

    async def one(device: Device, headers: dict[str, str], body: dict[str, Any]) -> bool:
        result = await pool.send_notification(
            NotificationRequest(
                device.token,
                body,
                headers["apns-id"],
                int(campaign.send.deadline.timestamp() - campaign.send.accepted_at.timestamp()),
                int(headers["apns-priority"]),
                headers["apns-collapse-id"],
                PushType.ALERT,
            )
        )
        return str(result.status) == "200"

    try:
        yield lambda work: _all(work, campaign, one, IN_FLIGHT["aioapns"], json.loads)
    finally:
        pool.close()


@asynccontextmanager
async def open_httpx(address: str, ca: Path, campaign: Campaign) -> AsyncIterator[Sending]:
    """One client, one connection."""
    host, _, port = address.rpartition(":")
    context = client_context(Origin(host, int(port), "bench"), ca, "h2")
    async with httpx.AsyncClient(http2=True, verify=context, timeout=30, trust_env=False) as client:

        async def one(device: Device, headers: dict[str, str], body: bytes) -> bool:
            url = f"https://{address}/3/device/{device.token}"
            return (await client.post(url, headers=headers, content=body)).status_code == httpx.codes.OK

        yield lambda work: _all(work, campaign, one, IN_FLIGHT["httpx"])


Library = Callable[[str, Path, Campaign], AbstractAsyncContextManager[Sending]]
LIBRARIES: Final[dict[str, Library]] = {"aioapns": open_aioapns, "httpx": open_httpx}


async def _all(
    work: Work, campaign: Campaign, one: One, at_once: int, load: Callable[[bytes], Any] = bytes
) -> Counter[str]:
    """Everything that can be made beforehand is made beforehand, in the libraries' favour."""
    settings = ApnsSettings.model_validate(campaign.variant.settings)
    send = campaign.send
    prepared = Each().prepare(
        send.request.message, settings, Context(send.key, send.id, send.deadline, send.accepted_at)
    )
    shared = {**dict(prepared.headers), "authorization": "bearer bench"}
    devices = [device for _, found in work for device in found.devices]
    made = prepared.requests(devices).requests
    bodies = [load(made.one(n).body) for n in range(made.count)]
    headers = [shared | {"apns-id": notification_id(send.key, device.id)} for device in devices]
    left = iter(range(len(devices)))
    fates: Counter[str] = Counter()

    async def worker() -> None:
        for n in left:
            ok = await one(devices[n], headers[n], bodies[n])
            fates["delivered" if ok else "rejected"] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(devices))):
            group.create_task(worker())
    return fates
