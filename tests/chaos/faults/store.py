"""A store of three nodes whose primary is killed, steps down, or stops answering."""

import asyncio

from tests.chaos.scene import Scene


async def primary_killed(on: Scene) -> None:
    for _ in range(on.times(3, 1)):
        await on.drawn_moment()
        port = await asyncio.to_thread(on.store.kill_primary)
        await asyncio.sleep(8)
        await asyncio.to_thread(on.store.restart, port)
        await on.flowing()


async def stepped_down(on: Scene) -> None:
    for _ in range(on.times(3, 1)):
        await on.drawn_moment()
        await asyncio.to_thread(on.store.step_down)
        await asyncio.sleep(5)
        await on.flowing()


async def primary_frozen(on: Scene) -> None:
    """It neither answers nor closes; the others choose another, and then it comes back."""
    for _ in range(on.times(2, 1)):
        await on.drawn_moment()
        async with on.frozen(await asyncio.to_thread(on.store.pid)):
            await asyncio.sleep(15)
        await on.flowing()
