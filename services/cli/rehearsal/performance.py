"""Plays the rehearsal: one campaign, one message to a single user meanwhile, and then both sides of the books."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from services.cli.api import Status
from services.cli.follow import follow
from services.cli.rehearsal.audience import SOLOIST
from services.cli.rehearsal.books import Check, Place, close, registry, strangers
from services.cli.rehearsal.ledger import MARK, read
from services.cli.rehearsal.stage import Stage
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.send import SendRequest

CAMPAIGN: Final = "campaign"
PERSONAL: Final = "personal"
HYGIENE_PATIENCE: Final = timedelta(seconds=10)
"""Dead devices are taken out of service after the report is final, not before."""
EVERY: Final = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out: the sends by name, and what was checked by the name of the send ("" is for both)."""

    sends: Mapping[str, Status]
    checks: Mapping[str, tuple[Check, ...]]

    @property
    def closed(self) -> bool:
        return all(check.ok for checks in self.checks.values() for check in checks)


def requests() -> dict[str, SendRequest]:
    """The two sends."""
    news = Message(title="The bells ring at noon", body="Come and listen.", data={MARK: CAMPAIGN})
    word = Message(title="Ada, your seat is kept", body="Row 3, on the left.", data={MARK: PERSONAL})
    return {
        CAMPAIGN: SendRequest(audience=Audience(everyone=True), message=news),
        PERSONAL: SendRequest(audience=Audience(users=(SOLOIST,)), message=word),
    }


async def perform(stage: Stage, console: Console, patience: timedelta) -> dict[str, Status]:
    """Both sends, finished. Raises UnfinishedError."""
    sends = {name: await stage.backend.send(request) for name, request in requests().items()}
    final = await follow(stage.backend, sends, console, patience)
    return {name: final[name] for name in sends}


async def audit(stage: Stage, sends: Mapping[str, Status], ledger: Path, scale: float) -> Outcome:
    """The simulators' logs against the reports, and the registry after both."""
    asked = await asyncio.to_thread(read, ledger, sorted(stage.variants))
    targets = {CAMPAIGN: stage.devices, PERSONAL: [device for device in stage.devices if device.user == SOLOIST]}
    checks = {
        name: close(status.report, targets[name], [one for one in asked if one.send == name], scale)
        for name, status in sends.items()
    }
    return Outcome(sends, {**checks, "": (strangers(asked, sends), await _registry(stage))})


async def _registry(stage: Stage) -> Check:
    """Asked again while dead devices are still there, up to a point."""
    found: dict[Place, bool] = {}
    try:
        async with asyncio.timeout(HYGIENE_PATIENCE.total_seconds()):
            while not found or not registry(found, stage.devices).ok:
                found = await _registered(stage)
                await asyncio.sleep(EVERY.total_seconds())
    except TimeoutError:
        pass
    return registry(found, stage.devices)


async def _registered(stage: Stage) -> dict[Place, bool]:
    """Which devices with a condition, and which of Ada's, are still in service."""
    watched = [device for device in stage.devices if device.condition.name != "healthy" or device.user == SOLOIST]
    places = [(device.platform, device.token) for device in watched]
    found = await asyncio.gather(*(stage.backend.device(stage.ids[place]) for place in places))
    in_service = [device is not None and device.get("retired") is None for device in found]
    return dict(zip(places, in_service, strict=True))
