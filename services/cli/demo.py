"""`carillon demo`: starts the whole, makes two sends, checks the books against the providers' logs, stops the whole.

It ends with 0 only if every book closes: every sum, every reason and every single device.
"""

import asyncio
import json as written
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from services.cli.api import open_api
from services.cli.errors import CommandError
from services.cli.follow import UnfinishedError
from services.cli.local.errors import LocalStackError
from services.cli.local.places import BUILD
from services.cli.local.stack import Stack, wipe
from services.cli.rehearsal.audience import FEWEST, draw
from services.cli.rehearsal.performance import Outcome, audit, perform
from services.cli.rehearsal.programme import document, show
from services.cli.rehearsal.stage import set_stage

TIME_SCALE: Final = 60.0
NO_CAP: Final = {"reporter": {"REMOVALS_SHARE": "1"}}  # all the dead of a large rehearsal go in its first hour
INTERRUPTED: Final = 130  # as a shell counts SIGINT


def command(
    json: Annotated[Path | None, typer.Option("--json", help="Write both reports and the check to this file.")] = None,
    devices: Annotated[int, typer.Option(min=FEWEST, help="How many devices the app has.")] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed draws other devices.")] = 1,
    patience: Annotated[float, typer.Option(min=1, help="Seconds for both sends to finish.")] = 120,
    folder: Annotated[
        Path | None, typer.Option(help="For data and logs, kept afterwards; else a new one, kept if it fails.")
    ] = None,
) -> None:
    """Start everything, send, show the report, check it device by device, stop. Fails if any book does not close."""
    console = Console(highlight=False)
    place = folder or _new_folder()
    try:
        stack = Stack(place, time_scale=TIME_SCALE, extra=NO_CAP)
        outcome = _rehearse(stack, devices, seed, timedelta(seconds=patience), console)
        show(outcome, console)
        if json is not None:
            json.write_text(written.dumps(document(outcome, TIME_SCALE), indent=2) + "\n", "utf-8")
    except KeyboardInterrupt:
        console.print("\nInterrupted; everything is stopped.")
        sys.exit(INTERRUPTED)
    except (CommandError, LocalStackError):
        console.print(f"The logs are in {place / 'log'}.", soft_wrap=True)
        raise
    _end(outcome, place, console)
    if folder is None:
        wipe(place)


def _rehearse(stack: Stack, devices: int, seed: int, patience: timedelta, console: Console) -> Outcome:
    with _one_interrupt(), _running(stack, console):
        return asyncio.run(_play(stack, devices, seed, patience, console))


async def _play(stack: Stack, devices: int, seed: int, patience: timedelta, console: Console) -> Outcome:
    async with open_api(stack.fleet.api, stack.fleet.admin_key) as admin, open_api(stack.fleet.control) as control:
        stage = await set_stage(admin, control, draw(devices, seed), lambda line: console.print(f"  {line}"))
        try:
            sends = await perform(stage, console, patience)
        except UnfinishedError as error:
            ended = [name for name, process in stack.fleet.processes.items() if not process.alive()]
            raise UnfinishedError(f"{error}; ended meanwhile: {', '.join(ended) or 'no service'}") from error
        return await audit(stage, sends, stack.folder / "simulator", TIME_SCALE)


@contextmanager
def _running(stack: Stack, console: Console) -> Iterator[None]:
    """Everything up for as long as the block runs."""
    began = time.monotonic()
    console.print("[bold]Starting[/bold] RabbitMQ, MongoDB, the simulators and every service")
    stack.start()
    try:
        console.print(f"  {len(stack.fleet.processes)} processes are ready after {time.monotonic() - began:.1f} s")
        console.print(f"  time runs {TIME_SCALE:g} times faster for every pause and retry, never for a deadline")
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # nothing keeps it from being stopped
        stack.stop()


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block, once; what follows is for stopping everything."""

    def stop(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(outcome: Outcome, folder: Path, console: Console) -> None:
    if not outcome.closed:
        console.print(f"\n[bold red]The books do not close.[/bold red] Logs: {folder}", soft_wrap=True)
        sys.exit(1)
    console.print("\n[bold green]Every book closes.[/bold green] Everything is stopped.")


def _new_folder() -> Path:
    """A new one each time, so that demos run side by side; kept where something went wrong."""
    parent = BUILD / "demo"
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%H%M%S-"), dir=parent))
