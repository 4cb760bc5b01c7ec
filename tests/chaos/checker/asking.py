"""Asks the public API what became of every promised send, until all are finished or patience ends."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

import httpx

Json = dict[str, Any]
EVERY: Final = 0.25
AT_ONCE: Final = 8


async def reports(url: str, secret: str, ids: Iterable[str], patience: float) -> dict[str, Json]:
    """The newest report of each send by its id; `state` says which of them never finished. {}: unknown to the API."""
    found: dict[str, Json] = {}
    open_ = set(ids)
    end = time.monotonic() + patience
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {secret}"}, timeout=10, trust_env=False
    ) as client:
        while open_:
            limit = asyncio.Semaphore(AT_ONCE)
            answers = await asyncio.gather(*(_one(client, limit, one) for one in sorted(open_)))
            found.update({one: answer for one, answer in zip(sorted(open_), answers, strict=True) if answer})
            open_ = {one for one in open_ if found.get(one, {}).get("state") != "finished"}
            if time.monotonic() > end:
                break
            await asyncio.sleep(EVERY)
    return found | {one: {} for one in open_ if one not in found}


async def _one(client: httpx.AsyncClient, limit: asyncio.Semaphore, id_: str) -> Json:
    async with limit:
        try:
            answer = await client.get(f"/v1/sends/{id_}")
        except httpx.HTTPError:  # a door that is shut for the moment: asked again
            return {}
    if not answer.is_success:
        return {}
    report: Json = answer.json()["report"]
    return report
