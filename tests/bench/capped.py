"""(g): what a frequency cap costs: the same broadcast without a cap, under one for the first time, and once more."""

import asyncio
from statistics import median
from typing import Any, Final

from services.cli.api import open_api
from tests.bench import whole
from tests.bench.figures import Figure, Outcome, Table
from tests.bench.pipeline import WARM, Broadcast, broadcast
from tests.bench.seeding import Tenant
from tests.bench.whole import DELIVERY, Whole
from tests.bench.work import MESSAGE

FULL: Final = 300_000
QUICK: Final = 20_000
ROUNDS: Final = 3
CAP: Final = {"most": 50, "per": 86_400}
WAYS: Final = ("no cap", "capped, first of the period", "capped, second of the period")


def measure(count: int) -> Outcome:
    """So many users of one device each, in turns; a category of its own for every round, so that its first is one."""
    found: dict[str, list[Broadcast]] = {way: [] for way in WAYS}
    with whole.running() as on:
        warm, everyone = on.tenant("warm", WARM), on.tenant("everyone", count)
        with on.services():
            asyncio.run(_lay_down(on, everyone, {"caps": {f"c{number}": CAP for number in range(ROUNDS)}}))
            with on.sink() as far:
                broadcast(on, warm, WARM, far)
            for number in range(ROUNDS):
                for way in WAYS:
                    said: dict[str, str] = {} if way == WAYS[0] else {"category": f"c{number}"}
                    with on.sink() as far:
                        found[way].append(broadcast(on, everyone, count, far, MESSAGE, **said))
    return _outcome(count, found)


async def _lay_down(on: Whole, to: Tenant, rules: dict[str, Any]) -> None:
    async with open_api(on.fleet.api, on.fleet.admin_key) as api:
        await api.call("PUT", f"/v1/apps/{to.app}/rules", rules)
    await asyncio.sleep(3)  # every process has taken them up


def _outcome(count: int, found: dict[str, list[Broadcast]]) -> Outcome:
    rates = {way: median(one.per_s for one in runs) for way, runs in found.items()}
    rows = [
        [
            way,
            f"{rates[way]:,.0f}",
            f"{rates[way] / rates[WAYS[0]]:.2f}",
            *(f"{median(one.cpu_us(name) for one in runs):.1f}" for name in (DELIVERY, "mongod")),
        ]
        for way, runs in found.items()
    ]
    columns = ("broadcast", "per second", "÷ no cap", "delivery µs each", "mongod µs each")
    figures: dict[str, Figure] = {"uncapped_per_s": round(rates[WAYS[0]]), "capped_per_s": round(rates[WAYS[1]])}
    title = f"(g) {count:,} users under a frequency cap, medians of {ROUNDS}"
    return Outcome(figures | {"capped_again_per_s": round(rates[WAYS[2]])}, [Table(title, columns, rows)])
