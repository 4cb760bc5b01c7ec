"""(a) and (f): the send path, one core for the client and one for the sink; medians of alternating runs.

A rate counts only if every notification has a verified 200 and the sink's own count of requests and of distinct tokens
says the same; for (f), if refused and unavailable ones agree as well.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench import sink
from tests.bench.clients import Run, h2load_run, nginx_run, python_run
from tests.bench.figures import Outcome, Table
from tests.bench.sink import Certificate, Knobs

FAILURES: Final = "engine, 1 % of 410 and 0.5 % of 503"
FAILING: Final = Knobs(gone=1, unavailable=0.5)
YARDSTICK_US: Final = 490.0
"""aioapns' CPU per notification on the machine on which the bar was set."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it: `runs` of each client, so many notifications each."""

    runs: int
    engine: int
    h2load: int
    aioapns: int
    httpx: int


FULL: Final = Size(runs=5, engine=300_000, h2load=500_000, aioapns=6000, httpx=2000)
QUICK: Final = Size(runs=3, engine=60_000, h2load=100_000, aioapns=2000, httpx=700)


Client = Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another server than the sink, on this machine too: its address, and what to trust there."""

    address: str
    ca: Path


def measure(size: Size, elsewhere: Elsewhere | None = None, only: Sequence[str] = ()) -> Outcome:
    """Against another server only the clients count. `only`: these rows."""
    address = elsewhere.address if elsewhere else None
    certificate = Certificate(elsewhere.ca, Path(), Path()) if elsewhere else sink.certificate()
    clients = {
        name: client for name, client in _clients(size, certificate, address).items() if not only or name in only
    }
    runs: dict[str, list[Run]] = defaultdict(list)
    for _ in range(size.runs):
        for name, client in clients.items():
            runs[name].append(client())
    where = f"The send path, against {address}: what it counts is not known" if address else "The send path"
    return _outcome({name: _median(found) for name, found in runs.items()}, runs, where)


def _clients(size: Size, certificate: Certificate, address: str | None) -> dict[str, Client]:
    python = partial(python_run, certificate, address)
    clients: dict[str, Client] = {
        "engine": partial(python, "engine", size.engine),
        FAILURES: partial(python, "engine", size.engine, knobs=FAILING),
        "engine, one payload for all": partial(python, "engine", size.engine, own=False),
        "h2load": partial(h2load_run, certificate, address, size.h2load),
        "aioapns": partial(python, "aioapns", size.aioapns),
        "httpx": partial(python, "httpx", size.httpx),
        "aioapns as our transport": partial(python, "through_aioapns", size.aioapns),
        "httpx as our transport": partial(python, "through_httpx", size.httpx),
    }
    if address is not None:
        return {name: client for name, client in clients.items() if name != FAILURES}
    return clients | {
        "nginx ← engine": partial(nginx_run, certificate, size.engine, "engine"),
        "nginx ← h2load": partial(nginx_run, certificate, size.h2load, "h2load"),
    }


def _paired(runs: dict[str, list[Run]], one: str, other: str, what: Callable[[Run], float]) -> float:
    """The median of the ratios round by round: what slows the machine for a while slows both."""
    return median(what(a) / what(b) for a, b in zip(runs[one], runs[other], strict=True))


def _median(runs: Sequence[Run]) -> Run:
    return Run(runs[0].count, median(one.seconds for one in runs), median(one.cpu_seconds for one in runs))


def _outcome(found: dict[str, Run], runs: dict[str, list[Run]], title: str) -> Outcome:
    outcome = Outcome()
    rows = [
        [
            name, f"{one.per_s:,.0f}", f"{one.cpu_us:,.1f}", f"{one.count:,}",
            f"{min(each.per_s for each in runs[name]):,.0f} to {max(each.per_s for each in runs[name]):,.0f}",
        ]
        for name, one in found.items()
    ]  # fmt: skip
    columns = ("(a), (f) one core, one connection", "per second", "CPU µs each", "notifications", "of all runs")
    outcome.tables.append(Table(title, columns, rows))
    engine = found.get("engine")
    if engine is None:
        return outcome
    outcome.figures |= {"engine_per_s": round(engine.per_s), "engine_cpu_us": round(engine.cpu_us, 2)}
    for name in ("h2load", "aioapns", "httpx"):
        if name in found:
            outcome.figures[f"engine_over_{name}"] = round(_paired(runs, "engine", name, attrgetter("per_s")), 3)
            outcome.figures[f"{name}_per_s"] = round(found[name].per_s)
            outcome.figures[f"{name}_cpu_us"] = round(found[name].cpu_us, 2)
    if "aioapns" in found:
        outcome.figures["engine_cpu_over_aioapns"] = round(_paired(runs, "engine", "aioapns", attrgetter("cpu_us")), 5)
        outcome.figures["yardstick"] = round(found["aioapns"].cpu_us / YARDSTICK_US, 3)
    if FAILURES in found:
        outcome.figures["failures_cpu_ratio"] = round(_paired(runs, FAILURES, "engine", attrgetter("cpu_us")), 3)
    return outcome
