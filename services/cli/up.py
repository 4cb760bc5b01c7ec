"""`carillon up`: starts everything on this machine and leaves it running."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

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
    console = Console()
    with console.status("Starting everything (about 15 s) ..."):
        stack = Stack(folder, time_scale=time_scale)
        stack.start()
    console.print(_addresses(stack))
    if time_scale != 1:
        console.print(f"Delays, pauses and windows run at 1/{time_scale:g} of their length (--time-scale).")


def _addresses(stack: Stack) -> Table:
    site = stack.fleet.site
    rows = {
        "API": stack.fleet.api,
        "admin key": str(site.admin_key_file),
        "simulators": stack.fleet.control,
        "their CA": str(site.ca_file),
        "RabbitMQ": stack.broker.url,
        "MongoDB": stack.store.url,
        "logs": str(site.folder / "log"),
    }
    rows |= {f"{name} metrics": f"{process.url}/metrics" for name, process in stack.fleet.processes.items()}
    del rows["simulator metrics"]
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(name, value)
    return table
