"""Which metrics of the catalogue move in a fleet, by reading every process's now and then."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.cli.local.fleet import Fleet
from services.cli.local.processes import ServiceProcess
from shared.runtime.metrics import PREFIX, catalogue

WITHIN: Final = 5.0
"""Seconds to answer: one that is frozen or away is passed over."""
Sample = tuple[str, str, str]
"""Process, name, labels."""


class Watch:
    """What was anything but zero in some reading of some process, and for counts what it was not at the beginning."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._before: dict[Sample, float] | None = None
        self.moved: set[str] = set()

    async def scrape(self) -> None:
        """Reads every process that answers."""
        processes = [one for name, one in list(self._fleet.processes.items()) if name != "simulator" and one.alive()]
        async with httpx.AsyncClient(timeout=WITHIN, trust_env=False) as http:
            texts = await asyncio.gather(*(_read(http, one) for one in processes))
        counts: dict[Sample, float] = {}
        for process, text in zip(processes, texts, strict=True):
            counts |= self._take(process.name, text)
        self._before = self._before if self._before is not None else counts

    def _take(self, process: str, text: str) -> dict[Sample, float]:
        """Notes what has moved; gives what is counted."""
        counts: dict[Sample, float] = {}
        for family in text_string_to_metric_families(text):
            name = family.name.removeprefix(PREFIX)
            if name not in catalogue():
                continue
            if family.type == "gauge":
                if any(sample.value for sample in family.samples):
                    self.moved.add(name)
                continue
            found = {(process, one.name, repr(sorted(one.labels.items()))): one.value for one in family.samples}
            counts |= found
            if self._before is not None and any(value != self._before.get(one, 0) for one, value in found.items()):
                self.moved.add(name)
        return counts

    async def run(self, every: timedelta) -> None:
        """Until cancelled."""
        while True:
            await self.scrape()
            await asyncio.sleep(every.total_seconds())


@asynccontextmanager
async def watching(fleet: Fleet, every: timedelta) -> AsyncIterator[Watch]:
    """While the block runs, and once more at its end."""
    watch = Watch(fleet)
    await watch.scrape()
    task = asyncio.ensure_future(watch.run(every))
    try:
        yield watch
        await watch.scrape()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _read(http: httpx.AsyncClient, process: ServiceProcess) -> str:
    with contextlib.suppress(httpx.HTTPError):
        return (await http.get(f"{process.url}/metrics")).text
    return ""
