"""(c): sends to one user each, over HTTP to the provider: how many, how soon, and beside a bulk send."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from services.cli.api import open_api
from services.cli.local.owned import wait_until
from shared.flow.audience import Audience
from shared.flow.send import SendRequest
from tests.bench import whole
from tests.bench.figures import MeasureError, Outcome, Table, folder, percentile
from tests.bench.loading import ARRIVE_WITHIN, Load, await_all, kept, load, loaded, matched
from tests.bench.machine import fsync_ms
from tests.bench.seeding import Tenant
from tests.bench.sink import token_hash
from tests.bench.usage import Usage, watching
from tests.bench.whole import Whole
from tests.bench.work import MESSAGE

RUNS: Final = 3
RATE: Final = 500
NOW_RATE: Final = 200
WARM: Final = 500
COLUMNS: Final = ("ms", "p50", "p95", "p99", "most", "generator late at most")


@dataclass(frozen=True, slots=True)
class Size:
    """How many sends: as fast as they go, at a rate, `now` beside bulk; and how many devices the bulk send has."""

    most: int
    paced: int
    now: int
    bulk: int


FULL: Final = Size(most=40_000, paced=5000, now=1600, bulk=1_000_000)
QUICK: Final = Size(most=3000, paced=1000, now=400, bulk=200_000)


def measure(size: Size, extra: Mapping[str, str] | None = None) -> Outcome:
    """All three, one after the other, on the same processes."""
    outcome = Outcome()
    users = WARM + size.most + RUNS * size.paced + 2 * size.now
    with whole.running(extra) as on:
        single, bulk = on.tenant("single", users), on.tenant("bulk", size.bulk)
        with on.services():
            loaded(on, single, 0, WARM)
            first = WARM
            outcome.add(_most(on, single, first, size.most))
            first += size.most
            outcome.add(_paced(on, single, first, size.paced))
            first += RUNS * size.paced
            outcome.add(_beside_bulk(on, single, bulk, first, size.now))
    return outcome


def _most(on: Whole, single: Tenant, first: int, count: int) -> Outcome:
    """As fast as they are answered."""
    with on.sink() as far:
        with watching({**on.pids(), "sink": far.pid}) as usage:
            said, _ = load(on, single, first, count)
            wait_until(lambda: far.counts()["distinct_tokens"] >= count, ARRIVE_WITHIN)
        counted = far.counts()
    seconds = (counted["last_ns"] - said["first_ns"]) / 1e9
    lost, twice = count - counted["distinct_tokens"], counted["requests"] - counted["distinct_tokens"]
    rate = counted["distinct_tokens"] / seconds
    figures = {"single_per_s": round(rate), "single_lost": lost, "single_twice": twice}
    title = (
        f"(c) {count:,} sends to one user each: {rate:,.0f} a second to the provider "
        f"({count / said['seconds']:,.0f} accepted), {lost} lost, {twice} made twice"
    )
    columns = ("process", "CPU", "µs each", "peak MB")
    return Outcome(dict(figures), [Table(title, columns, _used(usage, said, count))])


def _paced(on: Whole, single: Tenant, first: int, count: int) -> Outcome:
    """At 500 a second; the best of three, as other tenants of this machine are not ours to judge."""
    fsync = fsync_ms(folder("whole"))
    loads = [loaded(on, single, first + n * count, count, RATE) for n in range(RUNS)]
    best = min(loads, key=lambda one: one.p(0.99))
    figures = {
        "single_p50_ms_at_500": round(best.p(0.5), 2),
        "single_p95_ms_at_500": round(best.p(0.95), 2),
        "single_p99_ms_at_500": round(best.p(0.99), 2),
        "fsync_p50_ms": round(fsync[0], 2),
        "fsync_p99_ms": round(fsync[1], 2),
    }
    rows = [_row(f"run {number}", one) for number, one in enumerate(loads, 1)]
    disk = f"4 KiB are durable in {fsync[0]:.2f} ms, p99 {fsync[1]:.2f} ms"
    title = f"(c) request → provider at {RATE} a second ({disk})"
    return Outcome(dict(figures), [Table(title, COLUMNS, rows)])


def _beside_bulk(on: Whole, single: Tenant, bulk: Tenant, first: int, count: int) -> Outcome:
    """`now` alone, then while a broadcast saturates the same delivery process and the same provider connections."""
    alone = loaded(on, single, first, count, NOW_RATE)
    with on.sink(kept()) as far:
        asyncio.run(_start(on, bulk))
        if not wait_until(lambda: far.counts()["requests"] > 0, ARRIVE_WITHIN):
            raise MeasureError("the bulk send did not start")
        said, meant = load(on, single, first + count, count, NOW_RATE)
        arrivals = await_all(far, single, first + count, count)
    beside = matched(said, meant, single, first + count, arrivals)
    ours = {token_hash(single.token(number)) for number in range(first + count, first + 2 * count)}
    bulk_over = max(at for token, at in arrivals.items() if token not in ours)
    during = [ms for ms, moment in zip(beside.ms, beside.meant, strict=True) if moment < bulk_over]
    sent = sum(1 for token in arrivals if token not in ours)
    if not during:
        raise MeasureError("the bulk send was over before the first `now` was sent")
    ratio = percentile(during, 0.99) / alone.p(0.99)
    figures = {
        "now_under_bulk_p99_ratio": round(ratio, 2),
        "now_alone_p99_ms": round(alone.p(0.99), 2),
        "now_under_bulk_p99_ms": round(percentile(during, 0.99), 2),
        "now_under_bulk_samples": len(during),
    }
    rows = [_row("alone", alone), _row(f"beside {sent:,} bulk notifications", replace(beside, ms=during))]
    times = f"p99 {ratio:.1f} times that alone, {len(during):,} samples"
    title = f"(c) `now` at {NOW_RATE} a second while a bulk broadcast runs: {times}"
    return Outcome(dict(figures), [Table(title, COLUMNS, rows)])


async def _start(on: Whole, bulk: Tenant) -> None:
    async with open_api(on.fleet.api, bulk.secret) as api:
        await api.send(SendRequest(audience=Audience(everyone=True), message=MESSAGE))


def _row(name: str, one: Load) -> list[str]:
    return [name, *(f"{one.p(share):.1f}" for share in (0.5, 0.95, 0.99, 1)), f"{one.said['most_late_ms']:.1f}"]


def _used(usage: Usage, said: dict[str, Any], count: int) -> list[list[str]]:
    """A row for each process, the one that used most first."""
    used = {**usage.cpu_seconds, "the load generator": said["cpu_seconds"]}
    return [
        [name, f"{used[name]:.2f} s", f"{used[name] / count * 1e6:.1f}", f"{usage.peak_mb.get(name, 0):.0f}"]
        for name in sorted(used, key=lambda name: -used[name])
    ]
