"""`python -m tests.lanes`: every test, in four processes beside each other, which mostly wait for servers.

So many fleets on few cores make a process wait for a second now and then, and a test that cannot bear it fails there.
What failed is tried once more when nothing runs beside it: what fails again is broken; what passes is named at the end,
to be mended too.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import outcomes
from tests.outcomes import ONLY_TESTS_FAILED

FLOW: Final = Path("tests/integration/flow")
FUZZ: Final = "tests/integration/ingest/test_schemathesis.py"
PURE: Final = ("tests/unit", "tests/interop", "tests/integration/simulator", "tests/integration/transport")
"""They need no fleet."""
AT_MOST: Final = 3
"""More than so many are no accident, and are not tried again."""
STOPPING: Final = 20
"""Seconds that a process has to stop its servers."""


@dataclass
class Lane:
    """One process of pytest. `shown`: it writes to the terminal; what others said is shown at the end."""

    name: str
    arguments: Sequence[str]
    build: Path
    shown: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def said(self) -> Path:
        return self.build / f"test-{self.name}.txt"

    @property
    def outcomes(self) -> Path:
        return self.build / f"outcomes-{self.name}.txt"

    def named(self, outcome: str) -> list[str]:
        """The tests that passed, or failed."""
        lines = self.outcomes.read_text().splitlines() if self.outcomes.exists() else []
        return list(dict.fromkeys(line.partition(" ")[2] for line in lines if line.startswith(f"{outcome} ")))

    def start(self) -> None:
        if not self.arguments:  # pytest would take all there are
            raise ValueError(f"lane {self.name} has no tests")
        self.build.mkdir(exist_ok=True)
        self.outcomes.unlink(missing_ok=True)
        plugin = ["-p", outcomes.__name__, f"--outcomes={self.outcomes}"]
        argv = [sys.executable, "-m", "pytest", *plugin, *self.arguments]
        if self.shown:
            self.process = subprocess.Popen(argv)
        else:
            with self.said.open("wb") as out:
                self.process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT)

    def ended(self) -> int:
        """Waits for its exit code. Code and names must fit: what else went wrong is no failure of a test."""
        assert self.process is not None
        code = self.process.wait()
        if not self.shown:
            sys.stdout.write(self.said.read_text(errors="replace"))
            sys.stdout.flush()
        return code if (code == ONLY_TESTS_FAILED) == bool(self.named("failed")) else 1

    def stop(self) -> None:
        """At once asked to, and ended if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def lanes(build: Path) -> list[Lane]:
    """The one that is shown first."""
    flow = sorted(str(one) for one in FLOW.glob("test_*.py"))
    early = [one for one in flow if Path(one).name < "test_n"]
    elsewhere = [f"--ignore={one}" for one in (FLOW, *PURE, FUZZ)]
    return [
        Lane("rest", elsewhere, build, shown=True),
        Lane("flow-1", early, build),
        Lane("flow-2", [one for one in flow if one not in early], build),
        Lane("pure", [*PURE, FUZZ], build),
    ]


def run(running: Sequence[Lane]) -> int:
    """Starts them; the exit code: 0 if every test passed, beside the others or later."""
    codes = _ends(running)
    failed = [test for lane in running for test in lane.named("failed")]
    if set(codes) == {0}:
        return 0
    if not set(codes) <= {0, ONLY_TESTS_FAILED} or len(failed) > AT_MOST:
        return 1
    sys.stdout.write("\nOnce more, with nothing beside:\n")
    sys.stdout.flush()
    again = Lane("again", failed, running[0].build, shown=True)
    (code,) = _ends([again])
    if code or set(again.named("passed")) != set(failed):  # one that is skipped now has not passed
        return 1
    sys.stdout.write("".join(f"FAILED BESIDE THE OTHERS, PASSED ALONE: {one}\n" for one in failed))
    return 0


def _ends(running: Sequence[Lane]) -> list[int]:
    try:
        for lane in running:
            lane.start()
        return [lane.ended() for lane in running]
    finally:
        for lane in running:
            lane.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(run(lanes(Path("build"))))
