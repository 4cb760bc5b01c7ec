"""(e): the pipeline with a provider that takes its time: several chunks in flight, so that it costs no throughput."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from tests.bench import whole
from tests.bench.figures import Outcome, Table
from tests.bench.pipeline import WARM, Broadcast, broadcast
from tests.bench.sink import Knobs
from tests.bench.whole import DELIVERY

MILLISECONDS: Final = (0, 20, 100)
FULL: Final = 200_000
QUICK: Final = 20_000


def measure(count: int, extra: Mapping[str, str] | None = None) -> Outcome:
    """The same broadcast with each latency."""
    found: dict[int, Broadcast] = {}
    with whole.running(extra) as on:
        warm, everyone = on.tenant("warm", WARM), on.tenant("everyone", count)
        with on.services():
            with on.sink() as far:
                broadcast(on, warm, WARM, far)
            for milliseconds in MILLISECONDS:
                with on.sink(Knobs(latency=timedelta(milliseconds=milliseconds))) as far:
                    found[milliseconds] = broadcast(on, everyone, count, far)
    figures = {f"latency_{ms}ms_per_s": round(one.per_s) for ms, one in found.items()}
    rows = [
        [f"{ms} ms", f"{one.per_s:,.0f}", f"{one.seconds:.1f} s", f"{one.cpu_us(DELIVERY):.2f}"]
        for ms, one in found.items()
    ]
    columns = ("(e) the provider takes", "per second", "request → finished", "delivery's CPU µs each")
    return Outcome(dict(figures), [Table(f"Latency of the provider, {count:,} devices", columns, rows)])
