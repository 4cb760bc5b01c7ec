"""Providers that send GOAWAYs, swallow requests, refuse connections, or allow one stream at a time."""

import asyncio

from tests.chaos.scene import Scene


async def goaways(on: Scene) -> None:
    """A GOAWAY after every fifty requests, plain and in two steps, and now and then one on all connections at once."""
    for mode in ("drain", "graceful") * on.times(3, 1):
        async with on.providers.turned(goaway_after=50, goaway_mode=mode):
            for _ in range(3):
                await asyncio.sleep(1)
                for platform in ("apns", "fcm"):
                    await on.providers.call("POST", f"/{platform}/goaway", {"mode": "drain"})


async def black_hole(on: Scene) -> None:
    """One request in a hundred is never answered; its connection lives."""
    async with on.providers.turned(black_hole=0.01):
        await on.campaign_again()


async def answers_lost(on: Scene) -> None:
    """One request in five hundred is processed, and then its connection ends: nobody can know. Nothing may repeat."""
    async with on.providers.turned(lose_answer=0.002):
        await on.campaign_again()


async def connections_refused(on: Scene) -> None:
    """Connections end, and new ones are refused for a while."""
    for _ in range(on.times(5, 1)):
        await on.drawn_moment()
        async with on.providers.turned(refuse_connections=1000):
            for platform in ("apns", "fcm"):
                await on.providers.call("POST", f"/{platform}/goaway", {"mode": "drain"})
            await asyncio.sleep(3)
        await on.flowing()


async def one_stream(on: Scene) -> None:
    """MAX_CONCURRENT_STREAMS drops to 1 in mid-campaign, and comes back."""
    for _ in range(on.times(3, 1)):
        await on.drawn_moment()
        async with on.providers.turned(stream_limit=1):
            await asyncio.sleep(5)
        await on.flowing()
