"""`carillon demo` from outside: it closes every book, says so, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.cli.local.places import ROOT
from services.cli.rehearsal.audience import draw
from tests.integration.cli.leftovers import left_behind

DEVICES = 160
INTERRUPTED = 130


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A running demo; it stops itself, or is made to when the test fails."""
    command = [sys.executable, "-m", "services.cli", "demo", "--folder", str(folder), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=40)


@pytest.mark.timeout(150)
def test_the_demo_closes_every_book_and_stops_everything(tmp_path: Path) -> None:
    written = tmp_path / "report.json"
    folder = tmp_path / "stack"
    with demo(folder, "--devices", str(DEVICES), "--json", str(written)) as process:
        said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert "time runs 60 times faster" in said
    assert "Every book closes." in said
    assert left_behind(folder) == []

    told = json.loads(written.read_text("utf-8"))
    assert told["closed"] is True
    assert {check["name"]: check["problems"] for check in told["checks"] if check["problems"]} == {}
    campaign, personal = (told["sends"][name]["report"]["total"] for name in ("campaign", "personal"))
    drawn = [device.condition.fate for device in draw(DEVICES, 1)]
    assert {fate: campaign[fate] for fate in set(drawn)} == {fate: drawn.count(fate) for fate in set(drawn)}
    assert (personal["planned"], personal["delivered"]) == (2, 2)


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("moment", "number"),
    [("stack.json", signal.SIGINT), ("simulator/apns.requests.jsonl", signal.SIGTERM)],
    ids=["while it starts", "while it sends"],
)
def test_an_interrupted_demo_stops_everything_too(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    folder = tmp_path / "stack"
    with demo(folder, "--devices", str(DEVICES)) as process:
        _until(folder / moment)
        assert left_behind(folder) != []
        process.send_signal(number)
        said, _ = process.communicate(timeout=100)
    assert process.returncode == INTERRUPTED, said
    assert left_behind(folder) == []


def _until(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists() or not file.stat().st_size:
        assert time.monotonic() < end
        time.sleep(0.05)
