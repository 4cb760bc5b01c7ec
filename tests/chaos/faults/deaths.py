"""Processes that are killed at drawn moments, drained one after the other, frozen past their claims, or doubled."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tests.chaos import tenant
from tests.chaos.scene import Scene, platforms_of

KILLS: Final = 20
OFTEN: Final = 5.0
"""Seconds between two kills of one process: as long as its claims last, the worst there is."""
SERVICES: Final = ("ingest", "planner", "delivery-apns", "delivery-fcm", "reporter")


def killed(name: str) -> Callable[[Scene], Awaitable[None]]:
    """SIGKILL at drawn moments while requests are in flight; started again at once."""

    async def fault(on: Scene) -> None:
        for _ in range(on.times(KILLS, 2)):
            await on.drawn_moment(platforms_of(name))
            await on.kill(name)
            await on.start(name)

    return fault


async def killed_often(on: Scene) -> None:
    """One worker dies again and again, whatever it does: that is nobody's fault among its chunks."""
    await on.flowing(("apns",), on.setup.stack.chunk)
    for _ in range(on.times(KILLS, 2)):
        await asyncio.sleep(OFTEN)
        await on.kill("delivery-apns")
        await on.start("delivery-apns")


async def rolling_restart(on: Scene) -> None:
    """SIGTERM for each service in turn, started again; twice. Each has to end within its time, and in peace."""
    for _ in range(on.times(2, 1)):
        for name in SERVICES:
            await on.flowing()
            code = await asyncio.to_thread(on.process(name).stop)
            if code != 0:
                on.findings.append(f"{name} ended with {code} after SIGTERM")
            await asyncio.to_thread(on.process(name).start)


async def frozen_past_its_claim(on: Scene) -> None:
    """A delivery process stops dead for longer than its claims last, wakes up and goes on; another took over."""
    await asyncio.to_thread(on.fleet.another("delivery-apns").start)
    for _ in range(on.times(3, 1)):
        await on.drawn_moment(("apns",))
        on.cut_off += 1
        pid = on.process("delivery-apns").pid
        assert pid is not None
        async with on.frozen(pid):
            await asyncio.sleep(on.setup.stack.lease + 3)
        await asyncio.sleep(1)


async def twins(on: Scene) -> None:
    """Two reporters and two planners on the same sends; each is killed once while its twin goes on.

    A send of long ago is there, too, whose content one of the reporters purges.
    """
    await tenant.of_long_ago(on.fleet, on.tenant)
    for name in ("planner", "reporter"):
        await asyncio.to_thread(on.fleet.another(name).start)
    await on.campaign_again()
    for name in ("planner", "reporter-2", "planner-2", "reporter"):
        await on.drawn_moment()
        await on.kill(name)
        await on.start(name)
