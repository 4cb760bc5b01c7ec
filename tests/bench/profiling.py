"""Where a process's time went, by py-spy where it is installed: per function of its own, and per part of the work."""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.figures import MeasureError, Table, folder
from tests.bench.processes import environment

RATE: Final = 200
LONGEST: Final = 600
SHOWN: Final = 30
ENDS_WITHIN: Final = 30
WAITING: Final = ("EpollSelector.select", "Condition.wait", "_worker")
"""py-spy takes some waits for work."""


@dataclass(slots=True)
class Seen:
    """Samples by stack, outermost function first; filled when the block is over."""

    stacks: Counter[tuple[str, ...]] = field(default_factory=Counter)


@contextmanager
def of(pids: Mapping[str, int]) -> Iterator[dict[str, Seen]]:
    """Looks at these processes while the block runs; only while they compute, not while they wait."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_one(name, pid)) for name, pid in pids.items()}


@contextmanager
def _one(name: str, pid: int) -> Iterator[Seen]:
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{environment()['PATH']}")
    if program is None:
        raise MeasureError("py-spy is not installed: pip install py-spy")
    file = folder("profile") / name
    file.unlink(missing_ok=True)
    argv = [program, "record", "--pid", str(pid), "--rate", str(RATE), "--duration", str(LONGEST)]
    argv += ["--format", "raw", "--function", "--output", str(file)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    seen = Seen()
    try:
        yield seen
    finally:
        process.send_signal(signal.SIGINT)  # py-spy writes what it has
        process.wait(ENDS_WITHIN)
    for line in file.read_text("utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack.rpartition(";")[2].startswith(WAITING):
            seen.stacks[tuple(stack.split(";"))] += int(count)


def tables(name: str, seen: Seen, cpu_us: float) -> list[Table]:
    """By the function that ran, and by every function that was on the stack. `cpu_us`: the whole, for each."""
    everything = sum(seen.stacks.values()) or 1
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for stack, n in seen.stacks.items():
        own[stack[-1]] += n
        within.update(dict.fromkeys(set(stack), n))
    return [
        Table(
            f"{name} {title} ({everything:,} samples)",
            ("function", "share", "µs each"),
            [
                [function, f"{count / everything:.1%}", f"{count / everything * cpu_us:.2f}"]
                for function, count in counted.most_common(SHOWN)
            ],
        )
        for title, counted in (("by the function that ran", own), ("with all that it called", within))
    ]
