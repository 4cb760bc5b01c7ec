"""What processes used, from /proc: CPU time by name, and resident memory over time (proc(5))."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
EVERY: Final = timedelta(milliseconds=250)
RESET_PEAK: Final = "5"
KB_IN_MB: Final = 1024


@dataclass(slots=True)
class Usage:
    """What was used between the start and the end of a `watching` block, by the name of the process."""

    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    rss_mb: dict[str, list[float]] = field(default_factory=dict)
    """Looks at the memory, one after the other."""

    def first_and_last(self, name: str) -> tuple[float, float]:
        """Mean memory of the first and of the last tenth of the looks, after the first of all."""
        looks = self.rss_mb[name][1:] or self.rss_mb[name]
        tenth = max(1, len(looks) // 10)
        return sum(looks[:tenth]) / tenth, sum(looks[-tenth:]) / tenth


@contextlib.contextmanager
def watching(pids: Mapping[str, int]) -> Iterator[Usage]:
    """Watches these processes, each with all the processes of its session, while the block runs."""
    usage = Usage(rss_mb={name: [] for name in pids})
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    members = {name: _of_session(pid) for name, pid in pids.items()}
    for pid in (pid for session in members.values() for pid in session):
        _reset_peak(pid)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(members, usage, over), daemon=True)
    watcher.start()
    try:
        yield usage
    finally:
        over.set()
        watcher.join()
        usage.cpu_seconds = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        usage.peak_mb = {name: _memory_mb(session, "VmHWM") for name, session in members.items()}


def cpu_seconds(session: int) -> float:
    """User and system time of all processes of a session, those that they waited for included."""
    total = 0
    for process in _of_session(session):
        fields = _stat(process)
        total += sum(int(one) for one in fields[11:15]) if fields else 0
    return total / TICKS


def _watch(members: Mapping[str, Sequence[int]], usage: Usage, over: threading.Event) -> None:
    while True:
        began = time.monotonic()
        for name, session in members.items():
            usage.rss_mb[name].append(_memory_mb(session, "VmRSS"))
        if over.wait(max(0.0, EVERY.total_seconds() - (time.monotonic() - began))):
            return


def _of_session(session: int) -> list[int]:
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in found if pid == session or ((fields := _stat(pid)) and int(fields[3]) == session)]


def _stat(pid: int) -> list[str]:
    """The fields behind the name of the program: the first is the state; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _memory_mb(session: Sequence[int], what: str) -> float:
    return sum(_kb(pid, f"{what}:") for pid in session) / KB_IN_MB


def _kb(pid: int, field_: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field_)), 0)


def _reset_peak(pid: int) -> None:
    with contextlib.suppress(OSError):  # another user's, or gone: its peak is that of its whole life
        Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK, "utf-8")
