"""Decides which of the devices that were found a send leaves out, and why: excluded, stale, or not wanting it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.flow.device import Device
from shared.flow.send import Send

EXCLUDED: Final = "excluded"
STALE: Final = "stale"
OPTED_OUT: Final = "opted_out"
NOT_OPTED_IN: Final = "not_opted_in"
NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Screen:
    """What one send leaves out."""

    users: frozenset[str] = frozenset()
    devices: frozenset[bytes] = frozenset()
    stale_before: datetime | None = None
    category: str | None = None
    opt_in: bool = False

    def reason(self, device: Device) -> str | None:
        """Why this device is left out, or None. Of a raw token that nobody registered nothing is known."""
        facts = device.facts or {}
        if device.id in self.devices or device.user in self.users:
            return EXCLUDED
        at = facts.get("registered_at")
        if self.stale_before is not None and at is not None and at < self.stale_before:
            return STALE
        if self.category is None:
            return None
        wanted = (facts.get("categories") or {}).get(self.category)
        if wanted is False:
            return OPTED_OUT
        return NOT_OPTED_IN if self.opt_in and wanted is not True else None


def screens(send: Send) -> bool:
    """Whether a send leaves out anybody by itself; most do not, and pay nothing."""
    audience = send.request.audience
    if audience.provider_kept is not None:
        return False
    return bool(send.stale_before or send.request.category or audience.exclude.count)


def screened_by(send: Send) -> frozenset[str]:
    """What has to be read of a device beside what every send reads, as paths in the stored document."""
    if not screens(send):
        return NOTHING
    category = send.request.category
    fields = {"user"} if send.request.audience.exclude.users or send.cap is not None else set()
    fields |= {"registered_at"} if send.stale_before else set()
    return frozenset(fields | ({f"categories.{category}"} if category else set()))


def screen_of(send: Send, users: Iterable[str], devices: Iterable[str]) -> Screen:
    """What a send leaves out, with the users and devices that it names."""
    return Screen(
        frozenset(users), frozenset(map(bytes.fromhex, devices)), send.stale_before, send.request.category, send.opt_in
    )


def sorted_out(devices: Sequence[Device], screen: Screen) -> tuple[list[Device], list[tuple[bytes, str]]]:
    """The devices that are sent to, and the others with the reason."""
    kept: list[Device] = []
    left_out: list[tuple[bytes, str]] = []
    for device in devices:
        why = screen.reason(device)
        if why is None:
            kept.append(device)
        else:
            left_out.append((device.id, why))
    return kept, left_out
