"""`python -m tests.lanes`: every test, in four processes beside each other, which mostly wait for servers.

So many fleets on few cores make a process wait for a second now and then, and a test that cannot bear it fails there.
What failed is tried once more, alone: what fails again is broken; what passes is named at the end, to be mended too.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests import failed

FLOW: Final = Path("tests/integration/flow")
FUZZ: Final = "tests/integration/ingest/test_schemathesis.py"
PURE: Final = ("tests/unit", "tests/interop", "tests/integration/simulator", "tests/integration/transport")
"""They need no fleet."""
AT_MOST: Final = 3
"""More than so many are no accident, and are not tried again."""
ALL_PASSED: Final = 0
SOME_FAILED: Final = 1


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
    def failures(self) -> Path:
        return self.build / f"failed-{self.name}.txt"

    def start(self) -> None:
        self.build.mkdir(exist_ok=True)
        self.failures.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "pytest", "-p", failed.__name__, f"--failed={self.failures}", *self.arguments]
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(argv, stdout=None if self.shown else out, stderr=subprocess.STDOUT)

    def ended(self) -> tuple[int, list[str]]:
        """Waits for its exit code and the tests that failed."""
        assert self.process is not None
        code = self.process.wait()
        if not self.shown:
            sys.stdout.write(self.said.read_text(errors="replace"))
            sys.stdout.flush()
        return code, self.failures.read_text().splitlines() if self.failures.exists() else []

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
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
    """Starts them; the exit code: 0 if every test passed, beside the others or alone."""
    try:
        for lane in running:
            lane.start()
        ends = [lane.ended() for lane in running]
    finally:
        for lane in running:
            lane.stop()
    codes, again = {code for code, _ in ends}, [test for _, tests in ends for test in tests]
    if codes == {ALL_PASSED}:
        return 0
    if not codes <= {ALL_PASSED, SOME_FAILED} or not 0 < len(again) <= AT_MOST:
        return 1
    return _alone(again)


def _alone(tests: Sequence[str]) -> int:
    sys.stdout.write("\nOnce more, alone:\n")
    sys.stdout.flush()
    code = subprocess.run([sys.executable, "-m", "pytest", *tests], check=False).returncode
    if code == ALL_PASSED:
        sys.stdout.write("".join(f"FAILED BESIDE THE OTHERS, PASSED ALONE: {one}\n" for one in tests))
    return code


if __name__ == "__main__":
    sys.exit(run(lanes(Path("build"))))
