"""Providers that answer, but not with yes: 503 to all or to many, 429 with and without `Retry-After`."""

import asyncio

from tests.chaos.scene import Scene

Fault = dict[str, object]


async def unavailable(on: Scene) -> None:
    """503 to everything for a minute."""
    await _answering(
        on,
        {"share": 1, "status": 503, "reason": "ServiceUnavailable"},
        {"share": 1, "status": 503, "reason": "UNAVAILABLE"},
        on.times(60, 5),
    )


async def often_unavailable(on: Scene) -> None:
    """503 to two requests in five: no breaker opens, and retries that fail are more than the budget lets begin."""
    await _answering(
        on,
        {"share": 0.4, "status": 503, "reason": "ServiceUnavailable"},
        {"share": 0.4, "status": 503, "reason": "UNAVAILABLE"},
        on.times(30, 5),
    )


async def throttled_and_told_when(on: Scene) -> None:
    """429 to one request in three, with a `Retry-After`."""
    await _answering(
        on,
        {"share": 0.3, "status": 429, "reason": "TooManyRequests", "retry_after": "30"},
        {"share": 0.3, "status": 429, "reason": "QUOTA_EXCEEDED", "retry_after": "30"},
        on.times(20, 5),
    )


async def throttled(on: Scene) -> None:
    """429 to one request in three, and no word about when."""
    await _answering(
        on,
        {"share": 0.3, "status": 429, "reason": "TooManyRequests"},
        {"share": 0.3, "status": 429, "reason": "QUOTA_EXCEEDED"},
        on.times(20, 5),
    )


async def _answering(on: Scene, apns: Fault, fcm: Fault, seconds: float) -> None:
    async with on.providers.turned(("apns",), faults=[apns]), on.providers.turned(("fcm",), faults=[fcm]):
        await asyncio.sleep(seconds)
