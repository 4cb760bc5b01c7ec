"""Counting by app: the largest by name, all others as one, exact in sum, and never larger than its bound."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from shared.runtime.by_app import NAMED, OTHER, ByApp

LABELS = ("app", "platform", "outcome", "reason")
Series = dict[tuple[str, ...], float]


class Counting:
    def __init__(self, detailed: int = 1000) -> None:
        self._registry = CollectorRegistry()
        self.counter = ByApp("n", "text", LABELS, self._registry, detailed=detailed)

    def count(self, app: str, n: int, reason: str = "", outcome: str = "failed") -> None:
        self.counter.labels(app, "apns", outcome, reason).inc(n)

    def read(self) -> Series:
        samples = [sample for family in self._registry.collect() for sample in family.samples]
        return {tuple(sample.labels[name] for name in LABELS): sample.value for sample in samples}

    def apps(self) -> dict[str, float]:
        sums: Counter[str] = Counter()
        for labels, value in self.read().items():
            sums[labels[0]] += int(value)
        return dict(sums)


def test_the_largest_apps_are_named_and_the_rest_is_other() -> None:
    counting = Counting()
    for number in range(1000):
        counting.count(f"app{number:03}", number + 1)
    found = counting.apps()
    assert found == {f"app{number:03}": number + 1 for number in range(950, 1000)} | {OTHER: 950 * 951 / 2}


def test_an_app_that_becomes_the_largest_takes_the_name_of_the_smallest_and_the_sum_stays() -> None:
    counting = Counting()
    for number in range(NAMED + 1):
        counting.count(f"app{number:03}", 100 + number)
    before = counting.apps()
    assert "app000" not in before
    assert before["app001"] == 101
    counting.count("app000", 1000)
    after = counting.apps()
    assert after["app000"] == 1000  # what it had before stays where it was: no series shrinks
    assert "app001" not in after
    assert after[OTHER] == 100 + 101
    assert sum(after.values()) == sum(before.values()) + 1000


def test_two_apps_of_the_same_size_do_not_take_turns() -> None:
    counting = Counting()
    for number in range(NAMED + 1):
        counting.count(f"app{number:03}", 100)
    named = set(counting.apps())
    for app in ("app000", "app050", "app000", "app050"):
        counting.count(app, 10)
        assert set(counting.apps()) == named


def test_reasons_beyond_the_bound_are_counted_as_other_the_most_frequent_are_told() -> None:
    counting = Counting(detailed=10)
    for number in range(100):
        counting.count("one", 100 - number, f"reason{number}")
    found = counting.read()
    assert found["one", "apns", "failed", "reason0"] == 100
    assert len(found) <= 11
    assert sum(found.values()) == sum(range(1, 101))


OUTCOMES = st.sampled_from(["delivered", "failed"])
Count = tuple[int, str, int, int]
COUNTS = st.tuples(st.integers(0, 120), OUTCOMES, st.integers(0, 30), st.integers(1, 99))


@given(st.lists(st.lists(COUNTS, max_size=60), max_size=6))
def test_whatever_is_counted_the_sum_is_exact_and_no_series_shrinks(
    rounds: list[list[Count]],
) -> None:
    counting, total = Counting(detailed=40), 0
    before: Series = {}
    for some in rounds:
        for app, outcome, reason, n in some:
            counting.count(f"a{app}", n, f"r{reason}", outcome)
            total += n
        found = counting.read()
        assert sum(found.values()) == total
        assert len({labels[0] for labels in found} - {OTHER}) <= NAMED
        assert len(found) <= 40 + (NAMED + 1) * 2
        gone = {labels for labels in before if labels not in found}
        kept = {labels[0] for labels in found}
        assert all(labels[0] not in kept for labels in gone)  # an app goes as a whole, or not at all
        assert all(found[labels] >= value for labels, value in before.items() if labels in found)
        before = found
