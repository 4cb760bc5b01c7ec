"""(d): more and more devices in one registry, one process of each service: do time or memory grow?"""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.bench import seeding, whole
from tests.bench.figures import Outcome, Table
from tests.bench.pipeline import WARM, Broadcast, broadcast
from tests.bench.whole import DELIVERY

FULL: Final = (300_000, 1_000_000, 3_000_000)
QUICK: Final = (10_000, 30_000, 90_000)


def measure(sizes: Sequence[int], extra: Mapping[str, str] | None = None) -> Outcome:
    """The same app grows from size to size; the processes stay, and so does whatever a broadcast leaves in them.

    The size before the largest is measured once more after it, with another app: what the machine's other tenants do in
    the meantime must not be taken for growth.
    """
    found: list[Broadcast] = []
    with whole.running(extra) as on:
        warm, everyone = on.tenant("warm", WARM), on.tenant("everyone", 0)
        with on.services():
            with on.sink() as far:
                broadcast(on, warm, WARM, far)
            for before, size in zip((0, *sizes), sizes, strict=False):
                seeding.devices(on.place, everyone, before, size)
                with on.sink() as far:
                    found.append(broadcast(on, everyone, size, far))
            again = on.tenant("again", sizes[-2])
            with on.sink() as far:
                found.append(broadcast(on, again, sizes[-2], far))
    return _outcome(found)


def _outcome(found: Sequence[Broadcast]) -> Outcome:
    middle, largest, again = found[-3:]
    first, last = largest.usage.first_and_last(DELIVERY)
    outcome = Outcome(
        {
            "growth_devices": largest.count,
            "growth_3m_over_1m": round(2 * _us(largest) / (_us(middle) + _us(again)), 3),
            "delivery_peak_mb": round(max(one.usage.peak_mb[DELIVERY] for one in found), 1),
            "delivery_growth_mb": round(last - first, 2),
        }
    )
    rows = [
        [
            f"{one.count:,}", f"{one.seconds:.1f} s", f"{_us(one):.2f}", f"{one.cpu_us(DELIVERY):.2f}",
            f"{one.usage.peak_mb[DELIVERY]:.1f}", "{:.1f} → {:.1f}".format(*one.usage.first_and_last(DELIVERY)),
        ]
        for one in found
    ]  # fmt: skip
    columns = ("(d) devices", "time", "µs each", "delivery's CPU µs each", "its peak MB", "its MB, first → last tenth")
    outcome.tables.append(Table("Growth", columns, rows))
    return outcome


def _us(one: Broadcast) -> float:
    return one.seconds / one.count * 1e6
