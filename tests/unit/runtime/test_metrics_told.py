"""The page about metrics names all of them, and the alerts use only what there is, by labels that it has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from shared.runtime.metrics import PREFIX, catalogue

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "carillon.rules.yml"
NAME = re.compile(rf"{PREFIX}[a-z_]+")
KINDS = {"ByApp": "counter", "AnswerTimes": "histogram"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
OF_PROMETHEUS = {"le", "job", "instance"}


def kind_of(metric: str) -> str:
    name = catalogue()[metric][0].__name__
    return KINDS.get(name, name.lower())


def served() -> dict[str, str]:
    """Every name that Prometheus sees, and the metric that it is of."""
    return {f"{PREFIX}{metric}{end}": metric for metric in catalogue() for end in SUFFIXES[kind_of(metric)]}


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def labels_in(expression: str) -> Iterator[str]:
    for matchers in re.findall(r"{([^}]*)}", expression):
        yield from re.findall(r"([a-z]+)\s*=~?", matchers)
    for names in re.findall(r"by \(([^)]*)\)", expression):
        yield from (name.strip() for name in names.split(","))


def test_the_page_lists_every_metric_with_its_labels() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(carillon_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    wanted = [
        (
            f"{PREFIX}{metric}{'_total' if kind_of(metric) == 'counter' else ''}",
            kind_of(metric),
            ", ".join(f"`{label}`" for label in spec.labels),
            spec.text,
        )
        for metric, (_, spec) in catalogue().items()
    ]
    assert [tuple(cell.strip() for cell in row) for row in rows] == wanted


def test_nothing_else_is_named_anywhere() -> None:
    for path in (ROOT / "docs" / "metrics.md", ROOT / "README.md", RULES):
        for name in NAME.findall(path.read_text("utf-8")):
            assert name in served() or name.removeprefix(PREFIX) in catalogue(), f"{path.name}: {name}"


def test_every_alert_asks_what_is_there() -> None:
    assert len(alerts()) > 15
    for rule in alerts():
        names = NAME.findall(rule["expr"])
        assert names, rule
        assert all(name in served() for name in names), rule
        known = set.intersection(*(set(catalogue()[served()[name]][1].labels) for name in names)) | OF_PROMETHEUS
        assert set(labels_in(rule["expr"])) <= known, rule
        assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= known, rule
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_brackets_of_alerts_are_closed() -> None:
    for rule in alerts():
        assert all(rule["expr"].count(one) == rule["expr"].count(other) for one, other in ("()", "{}", "[]")), rule
