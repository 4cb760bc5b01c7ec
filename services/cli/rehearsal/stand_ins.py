"""Tells the simulators whose keys to trust and how each drawn device is; speaks to their control port."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from services.cli.api import Api
from services.cli.rehearsal.audience import Drawn
from services.cli.rehearsal.keys import BUNDLE, PROJECT, AppleKey, ServiceAccount

LONG_AGO: Final = timedelta(hours=1)
OTHER: Final = "somebody-else"
PAGE: Final = 1000


class StandIns:
    """The simulators of APNs and FCM."""

    def __init__(self, control: Api) -> None:
        self._control = control

    async def trust(self, apple: AppleKey, google: ServiceAccount) -> None:
        """Registers the public halves, as Apple and Google know them from issuing the keys."""
        key = {"key_id": apple.key_id, "team_id": apple.team_id, "public_key": apple.public_key}
        await self._control.call("POST", "/apns/keys", key)
        account = {
            "client_email": google.client_email,
            "project": PROJECT,
            "private_key_id": google.private_key_id,
            "public_key": google.public_key,
        }
        await self._control.call("POST", "/fcm/service-accounts", [account])

    async def know(self, devices: Sequence[Drawn], now: datetime) -> None:
        """Puts every device into its provider's registry, as its condition says. `now` is after they registered."""
        for platform, entries in (("apns", _apns(devices, now)), ("fcm", _fcm(devices))):
            found = list(entries)
            for start in range(0, len(found), PAGE):
                await self._control.call("POST", f"/{platform}/registry", found[start : start + PAGE])


def _apns(devices: Sequence[Drawn], now: datetime) -> Iterator[dict[str, Any]]:
    for device in devices:
        known = device.condition.known
        if device.platform != "apns" or known == "malformed":  # a token that APNs never gave out is not registered
            continue
        entry: dict[str, Any] = {"token": device.token, "bundle": BUNDLE, "script": device.condition.script}
        match known:
            case "active":
                pass
            case "died later" | "died before":
                died = now if known == "died later" else now - LONG_AGO
                entry |= {"state": "unregistered", "since": int(died.timestamp() * 1000)}
            case "elsewhere":
                entry |= {"bundle": f"com.example.{OTHER}"}
            case _:
                assert_never(known)
        yield entry


def _fcm(devices: Sequence[Drawn]) -> Iterator[dict[str, Any]]:
    for device in devices:
        if device.platform != "fcm":
            continue
        entry: dict[str, Any] = {"token": device.token, "project": PROJECT, "script": device.condition.script}
        match device.condition.known:
            case "active":
                pass
            case "died later" | "died before":
                entry |= {"state": "unregistered"}
            case "malformed":
                entry |= {"state": "malformed"}
            case "elsewhere":
                entry |= {"project": OTHER}
            case _:
                assert_never(device.condition.known)
        yield entry
