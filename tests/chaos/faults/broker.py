"""A broker that restarts, dies, throws everybody out, or takes no publishes because its disk or memory is low."""

import asyncio
from typing import Final

from tests.chaos.scene import Scene

BLOCKED: Final = 10.0
"""Seconds of an alarm."""


async def restarted(on: Scene) -> None:
    """As an operator does."""
    for _ in range(on.times(3, 1)):
        await on.drawn_moment()
        await asyncio.to_thread(on.broker.stop)
        await asyncio.to_thread(on.broker.start)
        await on.flowing()


async def killed(on: Scene) -> None:
    """As a power cut does."""
    for _ in range(on.times(3, 1)):
        await on.drawn_moment()
        await asyncio.to_thread(on.broker.kill)
        await asyncio.to_thread(on.broker.start)
        await on.flowing()


async def connections_closed(on: Scene) -> None:
    """Every connection, every three seconds."""
    for _ in range(on.times(10, 3)):
        await on.flowing()
        await asyncio.to_thread(on.broker.ctl, "close_all_connections", "--vhost", _vhost(on), "chaos")
        await asyncio.sleep(3)


async def disk_alarm(on: Scene) -> None:
    await _alarm(on, ("set_disk_free_limit", "100000GB"), ("set_disk_free_limit", "200MB"))


async def memory_alarm(on: Scene) -> None:
    await _alarm(on, ("set_vm_memory_high_watermark", "0.0000001"), ("set_vm_memory_high_watermark", "absolute", "1GB"))


async def _alarm(on: Scene, raise_: tuple[str, ...], lower: tuple[str, ...]) -> None:
    """While it lasts the door must refuse what it cannot promise, and whatever it refused must never be sent."""
    for _ in range(on.times(2, 1)):
        await on.drawn_moment()
        await asyncio.to_thread(on.broker.ctl, *raise_)
        try:
            await asyncio.sleep(BLOCKED)
        finally:
            await asyncio.to_thread(on.broker.ctl, *lower)
        await on.flowing()


def _vhost(on: Scene) -> str:
    return on.fleet.site.amqp_url.rpartition("/")[2]
