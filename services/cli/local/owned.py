"""A process that we started: known by its pid and the moment it was born, so that no other is ever signalled."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from services.cli.local.errors import StartFailedError

ENDING = (signal.SIGINT, signal.SIGTERM)
POLL = timedelta(milliseconds=20)
TAIL_LINES = 15
TAIL_WIDTH = 240
EXCEPTION_LINES = 6


class Owned:
    """A process and its group. Not to be shared between threads; may be found again from `pid` and `born`."""

    __slots__ = ("_ours_to_reap", "born", "exit_code", "pid")

    def __init__(self, pid: int, born: int, *, child: bool = False) -> None:
        self.pid = pid
        self.born = born
        self.exit_code: int | None = None  # known once it ended, if it is a child of this very process
        self._ours_to_reap = child

    def alive(self) -> bool:
        if self._ours_to_reap:  # a child exists until it is reaped, and then never again
            self._reap()
            return self._ours_to_reap
        return born(self.pid) == self.born

    def signal(self, number: signal.Signals) -> None:
        """To the whole process group; silently nothing when the process has ended."""
        if self.alive():
            os.killpg(self.pid, number)

    def end(self, patience: timedelta) -> int | None:
        """Ask (SIGTERM), wait, then make it (SIGKILL). Returns the exit code where known."""
        self.signal(signal.SIGTERM)
        return self.await_end(patience)

    def await_end(self, patience: timedelta) -> int | None:
        """For one that was asked already: a second SIGTERM could meet a process that is past handling it."""
        if not wait_until(lambda: not self.alive(), patience):
            self.kill()
        return self.exit_code

    def kill(self) -> None:
        """End the group with SIGKILL, and wait until the kernel has taken it away."""
        self.signal(signal.SIGKILL)
        wait_until(lambda: not self.alive(), timedelta(seconds=10))

    def _reap(self) -> None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.exit_code = os.waitstatus_to_exitcode(status)
            self._ours_to_reap = False


@contextmanager
def unbroken() -> Iterator[None]:
    """Ctrl-C waits for the end of the block: what was started but is not remembered yet could never be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where no handler ever runs
        return
    met: list[int] = []
    # Not by a signal mask: another thread would take the signal, and its handler would still run in this one.
    before = {number: signal.signal(number, lambda got, _: met.append(got)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        for got in met:
            signal.raise_signal(got)


def spawn(argv: Sequence[str], environment: Mapping[str, str], out: Path, err: Path | None = None) -> Owned:
    """Start a program in a session of its own; its output is appended to `out`, errors to `err` (default: the same)."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(out), append, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(err or out), append, 0o600),
    ]
    pid = os.posix_spawn(argv[0], list(argv), dict(environment), file_actions=actions, setsid=True)
    return Owned(pid, born(pid) or 0, child=True)


def born(pid: int) -> int | None:
    """When a live process started, in clock ticks since boot (proc(5), /proc/pid/stat, field 22); None: not alive."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        # Its first thread may be a zombie while others are still at work, as when mongod shuts down.
        over = fields[0] in {"Z", "X"} and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if over else int(fields[19])


def wait_until(condition: Callable[[], bool], patience: timedelta) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + patience.total_seconds()
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL.total_seconds())
    return True


def await_ready(name: str, process: Owned, ready: Callable[[], bool], patience: timedelta, log: Path) -> None:
    """Wait until a started process is ready; if it ends first or is too slow, end it and show its last words."""
    if wait_until(lambda: not process.alive() or ready(), patience) and process.alive():
        return
    how = f"is not ready after {patience.total_seconds():.0f} s" if process.alive() else "ended at once"
    process.kill()
    raise StartFailedError(f"{name} {how}; the end of {log}:\n{tail(log)}")


def tail(log: Path) -> str:
    """Its last lines, each cut to a bearable length; from a structured line the end of its exception too."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else ["(no log)"]
    return "\n".join(said for line in lines[-TAIL_LINES:] for said in _readable(line))


def _readable(line: str) -> list[str]:
    try:
        exception = str(json.loads(line).pop("exception", ""))
    except (ValueError, AttributeError):
        exception = ""
    return [line[:TAIL_WIDTH], *(f"    {said.strip()}" for said in exception.splitlines()[-EXCEPTION_LINES:])]
