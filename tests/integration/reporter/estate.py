"""Registered devices, a reporter's hygiene on a real store, and records as delivery would write them."""

import inspect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from services.reporter.gate import Gate
from services.reporter.housekeeping import Housekeeping
from services.reporter.removing import Removing
from services.reporter.retiring import Retiring
from services.reporter.suspecting import Suspecting
from shared.flow.record import Count, Part, Undelivered
from shared.flow.verdict import Fate
from shared.runtime.clock import FixedClock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.devices import Registration

numbers = itertools.count()
Records = Mapping[str, Sequence[Part]]


@dataclass
class Reporter:
    """One process's hygiene."""

    store: Store
    clock: FixedClock
    least: int = 1000
    share: float = 0.05
    metrics: Metrics = field(default_factory=Metrics)
    owner: str = "one"

    def __post_init__(self) -> None:
        gate = Gate(self.store, self.clock, self.metrics)
        removing = Removing(self.store, self.clock, self.metrics, self.least, self.share)
        self.gate = gate
        self.retiring = Retiring(removing, Suspecting(gate))
        self.house = Housekeeping(self.store, gate, removing, Life(timedelta(seconds=1)), self.owner)

    async def hear(self, records: Records) -> None:
        await self.retiring.retire(records)

    def counted(self, metric: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"carillon_{metric}_total", labels) or 0.0


class Died(Exception):  # noqa: N818  # said of a process
    """The process is no more: the next step on the store was not taken."""


class _Mortal:
    """A store (or a collection of one) that is used so many times and no more."""

    def __init__(self, real: Any, left: list[int]) -> None:
        self._real, self._left = real, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not inspect.iscoroutinefunction(found):
            return _Mortal(found, self._left)

        async def step(*given: Any, **named: Any) -> Any:
            self._left[0] -= 1
            if self._left[0] < 0:
                raise Died
            return await found(*given, **named)

        return step


def mortal(store: Store, steps: int) -> Store:
    """The store of a process that dies after so many steps."""
    return cast("Store", _Mortal(store, [steps]))


async def register(store: Store, count: int, at: datetime, variant: str = "v1", start: int = 0) -> list[bytes]:
    return [
        (await store.devices.register(Registration("app", variant, "apns", f"t{n}", None, {}), at))[0]
        for n in range(start, start + count)
    ]


def record(
    at: datetime, *, suspects: Sequence[bytes] = (), dead: Sequence[bytes] = (), delivered: int = 0,
    variant: str = "v1", since: datetime | None = None,
) -> Records:  # fmt: skip
    """One chunk's record."""
    undelivered = [
        *(Undelivered(device=one, fate=Fate.REJECTED, reason="BadDeviceToken", suspect=True) for one in suspects),
        *(Undelivered(device=one, fate=Fate.UNREGISTERED, reason="Unregistered", since=since) for one in dead),
    ]
    counts = {Fate.DELIVERED: delivered, Fate.REJECTED: len(suspects), Fate.UNREGISTERED: len(dead)}
    member = f"app.send.0.0/{next(numbers)}"
    part = Part(
        member=member, send="app.send", app="app", variant=variant, platform="apns",
        matched=sum(counts.values()), counts=tuple(Count(fate=fate, n=n) for fate, n in counts.items() if n),
        undelivered=tuple(undelivered), looked_up_at=at,
    )  # fmt: skip
    return {member: [part]}


async def rows(store: Store, **where: Any) -> list[dict[str, Any]]:
    return await store.database["devices"].find(where).to_list(None)


async def served(store: Store) -> int:
    found = await rows(store)
    assert all(one["live"] is (one.get("retired") is None) for one in found)  # told apart by either
    return sum(one["live"] for one in found)


async def held(store: Store) -> int:
    return len(await rows(store, quarantine={"$exists": True}))
