"""One variant of ten whose key is revoked, or whose provider takes everything and answers nothing: the nine go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Final

from services.cli.rehearsal.keys import BUNDLE
from tests.chaos.checker import ledger
from tests.chaos.scene import Scene

KEPT: Final = 0.95
"""Of their rate, by the nine healthy variants beside a sick one."""
ROUNDS: Final = 2
"""Well and sick by turns; the quickest campaign of each counts, as what else the machine does slows some of them."""
NO_ANSWER: Final = {"drop": "black_hole", "times": 1000}
AS_EVER: Final[dict[str, object]] = {}
"""A step that decides nothing: it takes the place of those before it."""


@asynccontextmanager
async def revoked(on: Scene) -> AsyncIterator[None]:
    """Apple does not know one variant's key. Its notifications wait and expire."""
    apple = on.tenant.variants[-1].apple
    assert apple is not None
    await on.providers.call("DELETE", f"/apns/keys/{apple.key_id}")
    yield
    key = {"key_id": apple.key_id, "team_id": apple.team_id, "public_key": apple.public_key}
    await on.providers.call("POST", "/apns/keys", key)


@asynccontextmanager
async def silent(on: Scene) -> AsyncIterator[None]:
    """Whatever is asked for one variant's devices is read and never answered; its connections live."""
    sick = on.tenant.variants[-1].id
    entries = [{"token": one.token, "bundle": BUNDLE} for one in on.devices if one.variant == sick and one.stable]
    await on.providers.know("apns", [{**entry, "script": [NO_ANSWER]} for entry in entries])
    yield
    await on.providers.know("apns", [{**entry, "script": [AS_EVER]} for entry in entries])


def one_of_ten(sick: Callable[[Scene], AbstractAsyncContextManager[None]]) -> Callable[[Scene], Awaitable[None]]:
    """Campaigns to all ten, with the tenth well and sick by turns: the nine must not feel it, and it comes back."""

    async def fault(on: Scene) -> None:
        await on.campaign_again()  # connections are warm, tokens are made
        together, beside = [], []
        for _ in range(on.times(ROUNDS, 1)):
            mark = await on.campaign_again()
            together.append(await _rate(on, mark))
            missed = await _missed(on, mark)
            if missed:
                on.findings.append(f"{missed} devices of the tenth had nothing of a campaign while it was well")
            async with sick(on):
                beside.append(await _rate(on, await on.campaign_again()))
        if max(beside) < KEPT * max(together):
            said = " ".join(f"{one:.0f}" for one in [*together, *beside])
            on.findings.append(f"the nine kept {max(beside) / max(together):.2f} of their rate (a second: {said})")

    return fault


async def _missed(on: Scene, mark: str) -> int:
    """How many devices of the tenth were accepted nothing of a campaign."""
    read = await asyncio.to_thread(ledger.read, on.fleet.site.folder / "simulator")
    tenth = [one.place for one in on.devices if one.variant == on.tenant.variants[-1].id and one.stable]
    return sum(1 for place in tenth if place not in read.sends[mark] or not read.sends[mark][place].accepted)


async def _rate(on: Scene, mark: str) -> float:
    """Notifications a second that the devices of the nine were accepted of a campaign."""
    nine = {variant.id for variant in on.tenant.variants[:-1]}
    places = {device.place for device in on.devices if device.variant in nine}
    read = await asyncio.to_thread(ledger.read, on.fleet.site.folder / "simulator")
    moments: list[datetime] = [
        moment for place, answers in read.sends[mark].items() if place in places for moment in answers.accepted
    ]
    return len(moments) / (max(moments) - min(moments)).total_seconds()
