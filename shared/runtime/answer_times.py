"""A histogram that takes the histograms of chunk records as they are: nothing is done for a single notification."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.flow.record import LATENCY_BOUNDS

BOUNDS: Final = [*(str(float(bound)) for bound in LATENCY_BOUNDS), "+Inf"]


class AnswerTimes(Collector):
    """Lives as long as its registry. It has no sum, as records have none: ask it for quantiles."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        self._name, self._text, self._names = name, text, labels
        self._counts: dict[tuple[str, ...], list[int]] = {}
        registry.register(self)

    def labels(self, *values: str) -> "Adding":
        """The histogram to add to."""
        return Adding(self._counts.setdefault(values, [0] * len(BOUNDS)))

    def describe(self) -> Iterable[Metric]:
        """For the registry, which asks for names before anything is counted."""
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        """All series; each bucket holds those below it as well."""
        family = self._family()
        for labels, counts in sorted(self._counts.items()):
            sums = [sum(counts[: n + 1]) for n in range(len(counts))]
            family.add_metric(labels, list(zip(BOUNDS, map(float, sums), strict=True)), sum_value=None)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._text, labels=self._names)


class Adding:
    """One histogram."""

    __slots__ = ("_counts",)

    def __init__(self, counts: list[int]) -> None:
        self._counts = counts

    def observe(self, counts: Sequence[int]) -> None:
        """All answers of a chunk, by the bounds of its record; nothing, if it has none."""
        for n, more in enumerate(counts):
            self._counts[n] += more
