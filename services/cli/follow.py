"""Follows sends until they are finished: bars on a terminal, plain lines elsewhere."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from services.cli.api import DONE, Api, Status
from services.cli.errors import CommandError
from shared.flow.report import Outcomes, Report
from shared.flow.verdict import Fate


class UnfinishedError(CommandError):
    """The time that the caller gave is over."""


class View(AbstractContextManager[object], Protocol):
    def show(self, name: str, status: Status) -> None:
        """Called for every look at a send."""


async def follow(
    api: Api, sends: Mapping[str, str], console: Console, patience: timedelta | None = None
) -> dict[str, Status]:
    """The final status of each send (name to id). Raises UnfinishedError when patience ends."""
    final: dict[str, Status] = {}
    view = Bars(console) if console.is_terminal else Lines(console)
    with view:
        try:
            async with asyncio.timeout(patience.total_seconds() if patience else None):
                await asyncio.gather(*(_watch(api, name, send, final, view) for name, send in sends.items()))
        except TimeoutError as error:
            left = ", ".join(name for name in sends if name not in final)
            raise UnfinishedError(f"not finished in time: {left}") from error
    return {name: final[name] for name in sends}


async def _watch(api: Api, name: str, send: str, final: dict[str, Status], view: View) -> None:
    """The events of one send, to its end."""
    async for status in api.events(send):
        view.show(name, status)
        if status.state in DONE:
            final[name] = status


class Bars:
    """One bar a send, on a terminal."""

    def __init__(self, console: Console) -> None:
        columns = (
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, name: str, status: Status) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, said="")
        said = said_of(status)
        self._progress.update(
            self._tasks[name], completed=settled(status.report), total=expected(status), said=said, refresh=True
        )


class Lines(nullcontext[None]):
    """One line whenever something changed, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        super().__init__(None)
        self._console = console
        self._last: dict[str, str] = {}

    def show(self, name: str, status: Status) -> None:
        said = said_of(status)
        if self._last.get(name) != said:
            self._last[name] = said
            self._console.print(f"{name}: {said}", highlight=False, soft_wrap=True)


def said_of(status: Status) -> str:
    """State and outcomes in one line."""
    if status.state == "rejected":
        return "rejected: " + "; ".join(f"{one.pointer or '/'} {one.detail}" for one in status.problems)
    return ", ".join([status.state, *_outcomes(status.report.total)])


def settled(report: Report) -> int:
    """Devices with an outcome."""
    return report.total.planned - report.total.open


def expected(status: Status) -> float | None:
    """Devices in all, as far as it is known: what the chunks read so far held, for all chunks."""
    report = status.report
    if status.state in DONE:
        return max(report.total.planned, 1)
    if not report.chunks_recorded:
        return None
    return max(report.total.planned * report.chunks / report.chunks_recorded, 1)


def _outcomes(total: Outcomes) -> Sequence[str]:
    facts = ("planned", *Fate, "open")
    return [f"{getattr(total, fact):,} {fact}" for fact in facts if getattr(total, fact) or fact == "planned"]
