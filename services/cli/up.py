"""`carillon up`: starts everything on this machine and leaves it running."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.local.fleet import TIME_SCALE
from services.cli.local.places import STACK
from services.cli.local.stack import Stack

FolderOption = Annotated[Path, typer.Option("--folder", help="Data, logs, keys and state.", file_okay=False)]


def command(
    folder: FolderOption = STACK,
    time_scale: Annotated[float, typer.Option(min=0.001, help="Divides every delay, pause and window.")] = TIME_SCALE,
) -> None:
    """Start RabbitMQ, MongoDB, every service and the provider simulators; `carillon down` stops them.

    Data of an earlier `up` in the same folder is still there.
    """
    with Console(stderr=True).status("Starting everything (about 15 s) ..."):
        stack = Stack(folder, time_scale=time_scale)
        stack.start()
    typer.echo(_addresses(stack))
    if time_scale != 1:
        typer.echo(f"Delays, pauses and windows run at 1/{time_scale:g} of their length (--time-scale).")


def _addresses(stack: Stack) -> str:
    """Plain lines: a table would cut what someone wants to copy."""
    site = stack.fleet.site
    rows = {
        "API": stack.fleet.api,
        "admin key": str(site.admin_key_file),
        "simulators": stack.fleet.control,
        "simulators' CA": str(site.ca_file),
        "RabbitMQ": stack.broker.url,
        "MongoDB": stack.store.url,
        "logs": str(site.folder / "log"),
    }
    measured = {name: process for name, process in stack.fleet.processes.items() if name != "simulator"}
    rows |= {f"metrics of {name}": f"{process.url}/metrics" for name, process in measured.items()}
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
