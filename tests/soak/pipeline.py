"""`python -m tests.soak.pipeline [--notifications N]`: does any process grow, however much it sends in one life?

Broadcasts and single sends follow each other through one process of each service at time scale 1, to the sink of the
bench, which counts them. Ends with 0 if each notification came once and no process grew in the second half.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.bench import whole
from tests.bench.figures import MeasureError
from tests.bench.seeding import Tenant
from tests.bench.sink import Sink
from tests.bench.whole import Whole
from tests.bench.work import MESSAGE
from tests.soak.run import say
from tests.soak.vitals import PAGE_MB

NOTIFICATIONS: Final = 10_000_000
MOST_GROWTH: Final = 8.0
"""MB, of any process from the middle to the end: what is remembered has its bounds, and they are reached by then."""
WITHIN: Final = 600.0
"""Seconds for one turn; one that takes longer did not finish."""
EVERY: Final = 0.25
BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Size:
    """A turn is a broadcast to so many devices and so many sends to a single user."""

    devices: int = 500_000
    singles: int = 1000
    turns: int = 20

    @property
    def notifications(self) -> int:
        return self.turns * (self.devices + self.singles)


@dataclass(frozen=True, slots=True)
class Look:
    """After a turn: what the provider has had in all, and the memory of each process in MB."""

    notifications: int
    mb: dict[str, float]


def soak(size: Size, tell: Callable[[Look], None] = lambda _: None) -> list[Look]:
    """A look after each turn. Raises MeasureError if a notification was lost, or came twice."""
    with whole.running() as on:
        everyone = on.tenant("everyone", size.devices)
        with on.services(), on.sink() as far:
            return asyncio.run(_turns(on, everyone, far, size, tell))


def growth(looks: Sequence[Look]) -> dict[str, float]:
    """MB by process, from the middle to the end."""
    middle, last = looks[(len(looks) - 1) // 2].mb, looks[-1].mb
    return {name: round(last[name] - middle[name], 1) for name in last}


async def _turns(on: Whole, to: Tenant, far: Sink, size: Size, tell: Callable[[Look], None]) -> list[Look]:
    looks: list[Look] = []
    headers = {"authorization": f"Bearer {to.secret}"}
    async with httpx.AsyncClient(base_url=on.fleet.api, headers=headers, timeout=60, trust_env=False) as api:
        for turn in range(1, size.turns + 1):
            async with asyncio.timeout(WITHIN):
                await _turn(api, size)
                count = await _all_there(far, turn * (size.devices + size.singles))
            looks.append(Look(count, _memory(on)))
            tell(looks[-1])
    if far.counts()["distinct_tokens"] != size.devices:
        raise MeasureError(f"not every device had one: {far.counts()}")
    return looks


async def _turn(api: httpx.AsyncClient, size: Size) -> None:
    message = {"title": MESSAGE.title, "body": MESSAGE.body}
    send = await _asked(api, "/v1/sends", {"audience": {"everyone": True}, "message": message})
    for first in range(0, size.singles, BATCH):
        users = [f"u{number:07}" for number in range(first, min(first + BATCH, size.singles))]
        singles = [{"audience": {"users": [user]}, "message": message} for user in users]
        answer = await _asked(api, "/v1/sends:batch", {"sends": singles})
        if {one["status"] for one in answer["results"]} != {httpx.codes.ACCEPTED}:
            raise MeasureError("not every single send was accepted")
    while (await api.get(f"/v1/sends/{send['id']}")).json()["state"] != "finished":  # noqa: ASYNC110  # no event comes
        await asyncio.sleep(EVERY)


async def _asked(api: httpx.AsyncClient, path: str, body: object) -> Any:
    answer = await api.post(path, json=body)
    if not answer.is_success:
        raise MeasureError(f"{path}: {answer.text}")
    return answer.json()


async def _all_there(far: Sink, wanted: int) -> int:
    while (found := int(far.counts()["requests"])) < wanted:  # noqa: ASYNC110  # as above
        await asyncio.sleep(EVERY)
    if found > wanted:
        raise MeasureError(f"{found - wanted} notifications were sent twice")
    return found


def _memory(on: Whole) -> dict[str, float]:
    pids = {name: process.pid for name, process in on.fleet.processes.items()}
    return {name: int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * PAGE_MB for name, pid in pids.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.pipeline", description=__doc__)
    parser.add_argument("--notifications", type=int, default=NOTIFICATIONS, help=f"{NOTIFICATIONS:,} without it")
    one = Size(turns=1)
    size = Size(turns=max(4, round(parser.parse_args().notifications / one.notifications)))
    say(f"{size.notifications:,} notifications, {size.turns * (size.singles + 1):,} sends")
    grown = growth(soak(size, _tell))
    wrong = {name: mb for name, mb in grown.items() if mb > MOST_GROWTH}
    say("from the middle to the end: " + ", ".join(f"{name} {mb:+.1f} MB" for name, mb in grown.items()))
    say(f"WRONG     grown: {', '.join(wrong)}" if wrong else "each notification came once, and nothing has grown")
    return bool(wrong)


def _tell(look: Look) -> None:
    say(f"{look.notifications:12,}   " + "   ".join(f"{name} {mb:6.1f} MB" for name, mb in look.mb.items()))


if __name__ == "__main__":
    sys.exit(main())
