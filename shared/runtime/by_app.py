"""A counter whose first label is the app: the largest by name, the rest together, so that its size has a bound.

What was counted is put in place when somebody reads it, or when much has gathered: until then it is one addition. A
series never shrinks but when an app loses its name to a larger one: then all that it had goes to the others, so the sum
is exact at every moment. Ranks are by all that the process has counted, and settle soon.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

OTHER: Final = "other"
NAMED: Final = 50
DETAILED: Final = 500
"""Series that tell their last label; what would be more is counted under `other` there."""
GATHERED: Final = 4_096
"""Sums that wait to be put in place, and apps whose volume is remembered."""
CLEARLY: Final = 1.25
"""So many times as large as the smallest name that was read must be who takes it over: two alike would take turns."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One combination of labels, to be counted."""

    of: "ByApp"
    labels: Labels

    def inc(self, amount: float = 1) -> None:
        """So many more."""
        self.of.add(self.labels, amount)


class ByApp(Collector):
    """Lives as long as its registry."""

    def __init__(  # as the client's own, and the bounds
        self, name: str, text: str, labels: Labels, registry: CollectorRegistry, *, detailed: int = DETAILED
    ) -> None:
        self._name, self._text, self._names = name, text, labels
        self._detailed = detailed
        self._gathered: Counter[Labels] = Counter()
        self._series: Counter[Labels] = Counter()
        self._volume: Counter[str] = Counter()
        self._named: set[str] = set()
        self._read: set[str] = set()
        """Names that were in an answer."""
        registry.register(self)

    def labels(self, *values: str) -> Place:
        """Where to count; the app comes first."""
        if len(values) != len(self._names):
            raise ValueError(f"{self._name} has the labels {', '.join(self._names)}")
        return Place(self, values)

    def add(self, labels: Labels, amount: float) -> None:
        """Counts."""
        self._gathered[labels] += amount  # type: ignore[assignment]  # a Counter adds whatever there is to add
        if len(self._gathered) >= GATHERED:
            self._settle()

    def describe(self) -> Iterable[Metric]:
        """For the registry, which asks for names before anything is counted."""
        return [CounterMetricFamily(self._name, self._text, labels=self._names)]

    def collect(self) -> Iterator[Metric]:
        """All series."""
        self._settle()
        family = CounterMetricFamily(self._name, self._text, labels=self._names)
        for labels, amount in sorted(self._series.items()):
            family.add_metric(labels, amount)
        self._read = set(self._named)
        yield family

    def _settle(self) -> None:
        gathered, self._gathered = self._gathered, Counter()
        for labels, amount in gathered.items():
            self._volume[labels[0]] += amount
        self._rank()
        for labels, amount in gathered.most_common():  # the largest first, so that these are told apart
            self._series[self._place(labels)] += amount
        if len(self._volume) > GATHERED:
            self._volume = Counter(dict(self._volume.most_common(GATHERED // 2)))

    def _rank(self) -> None:
        """Who has a name. One that loses it gives what it had to the others."""
        strangers = [app for app, _ in self._volume.most_common() if app not in self._named]
        for app in strangers:
            if len(self._named) < NAMED:
                self._named.add(app)
                continue
            smallest = min(self._named, key=lambda one: (self._volume[one], one))
            least = self._volume[smallest] * (CLEARLY if smallest in self._read else 1)
            if self._volume[app] <= least:
                break
            self._named.add(app)
            self._named.discard(smallest)
            self._fold(smallest)

    def _fold(self, app: str) -> None:
        for labels in [one for one in self._series if one[0] == app]:
            amount = self._series.pop(labels)
            self._series[self._place(labels)] += amount

    def _place(self, labels: Labels) -> Labels:
        place = (labels[0] if labels[0] in self._named else OTHER, *labels[1:])
        if place in self._series or len(self._series) < self._detailed:
            return place
        return (*place[:-1], OTHER)
