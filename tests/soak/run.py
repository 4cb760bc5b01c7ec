"""One soak from start to verdict: load in bad weather, rest in fine weather, and what was wrong."""

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from services.delivery.http2.engine import Engine, open_engine
from services.simulator.certificates import Authority
from shared.providers.contract import Origin
from tests.bench import sink
from tests.bench.sink import Certificate
from tests.soak.books import Books, End
from tests.soak.load import Calm, Storm
from tests.soak.sick import FarEnd, sick
from tests.soak.vitals import Vitals, vitals
from tests.soak.weather import EXPLAINS, Spell

WORKERS: Final = 8
WARM: Final = 0.25
"""After this share of the time, a minute at most, memory is measured first."""
MOST_GROWTH: Final = 5.0
"""MB."""
TELL_EVERY: Final = 10.0
REST_WITHIN: Final = 60.0
"""Seconds. A deaf connection is found out by a timeout, then a PING, then 10 s without a PONG."""
EACH_KIND_WITHIN: Final = 60.0
"""Seconds in which every kind of weather has its turn."""


@dataclass(slots=True)
class Soak:
    """One run; `faults` says what was wrong."""

    seconds: float
    seed: int
    place: Path
    books: Books
    faults: list[str] = field(default_factory=list)
    moments: dict[str, Vitals] = field(default_factory=dict)

    async def run(self) -> tuple[Calm, FarEnd]:
        """The whole of it."""
        certificate = _certificate(self.place)
        self.moments["before"] = vitals()
        with sink.running(certificate) as healthy:
            async with sick(certificate, self.seed, self.books.size, self.place) as far_end:
                calm = await self._with_engine(certificate, far_end, healthy.port)
            counted = healthy.counts()
        self.moments["closed"] = vitals()
        self._compare(calm, counted, far_end)
        self._flat()
        return calm, far_end

    async def _with_engine(self, certificate: Certificate, far_end: FarEnd, healthy: int) -> Calm:
        async with open_engine(certificate.ca, environ={}, scale=20) as engine:
            storm = Storm(engine, Origin("localhost", far_end.port, "sick", warm_up=True), self.books)
            calm = Calm(engine, Origin("localhost", healthy, "healthy"))
            await self._weather(engine, storm, calm)
            far_end.clear()
            await self._rest(engine, storm)
        return calm

    async def _weather(self, engine: Engine, storm: Storm, calm: Calm) -> None:
        """Load for as long as asked."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until, warm = began + self.seconds, began + min(60.0, self.seconds * WARM)
        async with asyncio.TaskGroup() as group:
            for worker in range(WORKERS):
                group.create_task(storm.work(self.seed + worker, until))
            group.create_task(calm.work(self.seed, until))
            while loop.time() < until:
                await asyncio.sleep(min(TELL_EVERY, max(0.1, until - loop.time())))
                now = vitals(engine)
                if loop.time() >= warm:
                    self.moments.setdefault("warm", now)
                say(f"{loop.time() - began:5.0f} s   sick {self.books.given:8}   healthy {calm.given:8}   {now}")

    async def _rest(self, engine: Engine, storm: Storm) -> None:
        """In fine weather everything goes through again; then nothing is kept of anything."""
        loop, rng = asyncio.get_running_loop(), Random(self.seed)
        until, well = loop.time() + REST_WITHIN, False
        while not (well and not storm.dropped and vitals(engine).at_rest) and loop.time() < until:
            well = well or set(await storm.one(rng, 100)) == {End.DELIVERED}
            storm.settle()
            await asyncio.sleep(0.5)
        self._fault(not well, "in fine weather a batch still did not go through whole")
        self._fault(bool(storm.dropped), f"{len(storm.dropped)} batches that were given up never ended")
        self.moments["at rest"] = vitals(engine)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────────────────────

    def _fault(self, wrong: bool, words: str) -> None:  # noqa: FBT001  # it reads as a sentence where it is called
        if wrong:
            self.faults.append(words)

    def _compare(self, calm: Calm, counted: dict[str, Any], far_end: FarEnd) -> None:
        self.faults += self.books.faults(far_end.counts)
        strange = {reason: n for reason, n in self.books.reasons.items() if reason not in EXPLAINS}
        self._fault(bool(strange), f"ends that no weather explains: {strange}")
        missed = [one for one in Spell if one is not Spell.FINE and not far_end.met.get(one)]
        self._fault(self.seconds >= EACH_KIND_WITHIN and bool(missed), f"no weather of these kinds: {missed}")
        self._fault(calm.delivered != calm.given, f"healthy: {calm.given} given, not delivered: {calm.failures}")
        came = [counted[name] for name in ("requests", "ok", "distinct_tokens")]
        self._fault(set(came) != {calm.given}, f"healthy: {calm.given} given, the sink counts {came}")

    def _flat(self) -> None:
        before, last, closed = (self.moments[name] for name in ("before", "at rest", "closed"))
        grown = last.rss_mb - self.moments["warm"].rss_mb
        self._fault(grown > MOST_GROWTH, f"memory grew by {grown:.1f} MB")
        self._fault(not last.at_rest, f"not at rest: {last}")
        self._fault(last.tasks > before.tasks, f"{last.tasks - before.tasks} tasks more at rest than before")
        self._fault(closed.tasks > before.tasks, f"{closed.tasks - before.tasks} tasks more at the end than before")
        self._fault(closed.files > before.files, f"{closed.files - before.files} files more at the end than before")


def say(line: str) -> None:
    """For whoever watches."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _certificate(place: Path) -> Certificate:
    """Made anew for every run; the authority's key is never written."""
    authority = Authority(("localhost",))
    found = Certificate(place / "ca.pem", place / "server.pem", place / "server.key")
    authority.write(found.ca)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Carillon soak")])
    pair = authority.issue(subject, x509.SubjectAlternativeName([x509.DNSName("localhost")]))
    found.certificate.write_bytes(pair.certificate)
    found.key.touch(mode=0o600)
    found.key.write_bytes(pair.key)
    return found
