"""`carillon down`: stops what `carillon up` started, and nothing else."""

from typing import Annotated

import typer

from services.cli.local.places import STACK
from services.cli.local.stack import down, wipe
from services.cli.up import FolderOption


def command(
    *,
    folder: FolderOption = STACK,
    delete: Annotated[bool, typer.Option("--wipe", help="Also delete its data, keys and logs.")] = False,
) -> None:
    """Stop everything that `carillon up` started: each process is asked, drains, and is ended only by its own id."""
    stopped = down(folder)
    typer.echo(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was up.")
    if delete:
        wipe(folder)
        typer.echo(f"Deleted: {folder}")
