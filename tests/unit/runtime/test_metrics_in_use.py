"""Every use of a metric gives the labels of the catalogue: a missing one would raise only when it is needed most."""

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.runtime.metrics import catalogue

ROOT = Path(__file__).parents[3]
RECORDING = {"inc", "dec", "set", "set_function", "observe", "time", "track_inprogress"}


def uses(tree: ast.AST) -> Iterator[tuple[str, str, int, int]]:
    """Metric, what is called on it, with how many arguments (-1: not to be seen), on which line."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        metric = node.func.value
        if isinstance(metric, ast.Attribute) and metric.attr in catalogue():
            owner = metric.value
            if getattr(owner, "attr", getattr(owner, "id", "")).endswith("metrics"):
                unpacked = any(isinstance(one, ast.Starred) for one in node.args)
                yield metric.attr, node.func.attr, -1 if unpacked else len(node.args), node.lineno


def test_every_use_of_a_metric_gives_its_labels() -> None:
    found = 0
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]:
        for metric, called, given, line in uses(ast.parse(path.read_text("utf-8"))):
            labels = catalogue()[metric][1].labels
            where = f"{path.relative_to(ROOT)}:{line}: {metric}.{called}"
            found += 1
            assert called == "labels" or (called in RECORDING and not labels), where
            assert called != "labels" or given in {len(labels), -1}, where
    assert found > len(catalogue()) // 2


def test_a_use_without_its_labels_is_found() -> None:
    tree = ast.parse("self._on.metrics.records_lost.inc(3)\nmetrics.retries.labels('apns').inc()")
    assert [(metric, called, given) for metric, called, given, _ in uses(tree)] == [
        ("records_lost", "inc", 1),
        ("retries", "labels", 1),
    ]
