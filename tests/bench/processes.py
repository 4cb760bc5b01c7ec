"""Starts the other ends of the bench as processes: pinned to a core, never longer than their limit, ended by pid."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from services.cli.local.places import ROOT
from tests.bench.figures import MeasureError

TASKSET: Final = "taskset"
GRACE: Final = 5.0
"""Seconds between asking a program to end and ending it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program said, and what it used in all."""

    said: str
    seconds: float
    cpu_seconds: float

    def json(self) -> dict[str, Any]:
        """Its last line, parsed."""
        lines = self.said.strip().splitlines()
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return found


def pinned(core: int, argv: Sequence[str]) -> list[str]:
    """The same program on this core alone."""
    return [TASKSET, "-c", str(core), *argv]


def run(argv: Sequence[str], limit: timedelta, more: Mapping[str, str] | None = None) -> Ended:
    """A program to its end. Raises MeasureError if it fails or is not done within its limit."""
    began = time.perf_counter()
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment() | dict(more or {}),
    ) as process:
        before = _children_cpu()
        try:
            said, _ = process.communicate(timeout=limit.total_seconds())
        except BaseException as error:
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise MeasureError(f"{argv[0]} was not done in {limit.total_seconds():.0f} s") from error
            raise
    if process.returncode:
        raise MeasureError(f"{' '.join(argv)} ended with {process.returncode}:\n{said[-2000:]}")
    return Ended(said, time.perf_counter() - began, _children_cpu() - before)


def end(process: "subprocess.Popen[str]") -> str:
    """Asks it to end, then makes it; returns what it still said."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        said, _ = process.communicate(timeout=GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return said or ""


def environment() -> dict[str, str]:
    """Nothing of Carillon's own, and no proxy: everything is here."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CARILLON_")}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")} | {
        "PYTHONPATH": str(ROOT)
    }


def _children_cpu() -> float:
    """Of children that ended; they are run one at a time, so the difference is the last one's."""
    used = os.times()
    return used.children_user + used.children_system
