"""How many series a whole fleet can have at most: with 1,000 apps, whatever the providers say, fewer than 10,000."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import cycle, product
from pathlib import Path

import pytest

from services.delivery.http2.frames import ErrorCode
from services.ingest.openapi import DIALECTS
from shared.bus.topology import DEAD, DEAD_LETTERS, FEEDBACK, RESULTS, work_queues
from shared.flow.lane import Lane
from shared.flow.verdict import DelayRule, Fate
from shared.providers.known_reasons import known_to, label
from shared.providers.registry import platforms
from shared.runtime.metrics import Metrics, catalogue
from tests.unit.runtime.test_metrics_in_use import ROOT, uses

APPS = 1000
STATUSES = ["200", "201", "202", "204", "207", "400", "401", "403", "404", "409", "413", "429", "500", "503"]
COMMANDS = [
    "aggregate", "bulkWrite", "count", "createIndexes", "delete", "distinct", "endSessions", "explain", "find",
    "findAndModify", "getMore", "hello", "insert", "killCursors", "ping", "update",
]  # fmt: skip
WORDS = [f"word{number}" for number in range(12)]
"""As many values as a label of our own words has at most, beside those below."""
PLATFORMS = list(platforms())
OF_HTTP = {"http_requests", "http_seconds"}


def values(platform: list[str]) -> Mapping[str, list[str]]:
    """What each label may be in a process that works for these platforms."""
    reasons = sorted({label(one, reason) for one in platform for reason in [*known_to(one), "HTTP_418", "new"]})
    queues = [*work_queues(platforms()), DEAD_LETTERS]
    return {
        "source": ["http", "amqp"], "lane": list(Lane), "reason": reasons, "platform": platform,
        "hop": ["sends", "commands", "slices", "results", "drops"], "queue": queues,
        "why": WORDS, "kind": WORDS, "of": WORDS[:3], "outcome": list(Fate), "decision": WORDS[:4],
        "rule": list(DelayRule), "code": [*(code.name for code in ErrorCode), "unknown"], "operation": COMMANDS,
        "exchange": ["default", DEAD, FEEDBACK, RESULTS], "app": [f"app{number:04}" for number in range(APPS)],
    }  # fmt: skip


@cache
def used_in(path: Path) -> set[str]:
    return {name for name, *_ in uses(ast.parse(path.read_text("utf-8")))}


def used_by(service: str) -> set[str]:
    """The metrics that a service or what it stands on records."""
    paths = [*ROOT.glob(f"services/{service}/**/*.py"), *ROOT.glob("shared/**/*.py")]
    return {name for path in paths for name in used_in(path)}


def filled(service: str, platform: list[str]) -> Metrics:
    """A process in which everything has happened that can."""
    metrics, known, used = Metrics(), values(platform), used_by(service)
    for name in sorted(used - OF_HTTP):
        spec = catalogue()[name][1]
        for labels in combinations(spec.labels, known):
            touch(metrics, name, labels)
    for endpoint in (one for dialect in DIALECTS for one in dialect.endpoints) if used >= OF_HTTP else ():
        metrics.http_seconds.labels(endpoint.method, endpoint.path).observe(1)
        for status in STATUSES:
            metrics.http_requests.labels(endpoint.method, endpoint.path, status).inc()
    return metrics


def combinations(labels: tuple[str, ...], known: Mapping[str, list[str]]) -> Iterator[tuple[str, ...]]:
    if "app" in labels and "reason" not in labels:  # told of the named ones and of the rest: `soonest` sees to it
        known = {**known, "app": known["app"][:51]}
    if {"app", "reason"} <= set(labels):  # every app has every reason; under which outcome, goes round
        ends = [(outcome, reason) for outcome, reason in zip(cycle(known["outcome"]), known["reason"])]
        yield from ((app, one, *end) for app, one, end in product(known["app"], known["platform"], ends))
    else:
        yield from product(*(known[one] for one in labels))


def touch(metrics: Metrics, name: str, labels: tuple[str, ...]) -> None:
    metric = getattr(metrics, name)
    child = metric.labels(*labels) if labels else metric
    if hasattr(child, "set"):
        child.set(1)
    elif hasattr(child, "inc"):
        child.inc()
    else:
        child.observe([1] * 13 if name == "answer_seconds" else 1)


def series(metrics: Metrics) -> int:
    return sum(not line.startswith("#") for line in metrics.text().decode().splitlines())


@pytest.fixture(scope="module")
def services() -> dict[str, Metrics]:
    """One of each, of every platform; planner and reporter work for all of them."""
    workers = {f"delivery-{one}": filled("delivery", [one]) for one in PLATFORMS}
    return workers | {name: filled(name, PLATFORMS) for name in ("ingest", "planner", "reporter")}


def test_one_of_each_service_has_fewer_than_ten_thousand_series_with_a_thousand_apps(
    services: dict[str, Metrics],
) -> None:
    found = {name: series(metrics) for name, metrics in services.items()}
    assert sum(found.values()) < 10_000, found


def test_nothing_is_lost_by_being_counted_as_other(services: dict[str, Metrics]) -> None:
    for platform in PLATFORMS:
        samples = services[f"delivery-{platform}"].registry.collect()
        counted = sum(
            sample.value for family in samples if family.name == "carillon_notifications" for sample in family.samples
        )
        assert counted == APPS * len(values([platform])["reason"])
