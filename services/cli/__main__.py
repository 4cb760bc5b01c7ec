"""Finds the commands and runs the one that was asked for."""

import importlib
import pkgutil
import sys

import typer
from rich.console import Console

import services.cli
from services.cli.errors import CommandError
from services.cli.local.errors import LocalStackError

HELP = "Carillon: push notification delivery that answers for every notification."


def build() -> typer.Typer:
    app = typer.Typer(name="carillon", help=HELP, no_args_is_help=True, add_completion=False)
    app.callback()(lambda: None)  # so that one command alone still has to be named
    for found in pkgutil.iter_modules(services.cli.__path__):
        if found.ispkg or found.name == "__main__":
            continue
        module = importlib.import_module(f"services.cli.{found.name}")
        name = found.name.replace("_", "-")
        if hasattr(module, "command"):
            settings = getattr(module, "SETTINGS", {})
            app.command(name, **settings)(module.command)
        if hasattr(module, "group"):
            app.add_typer(module.group, name=name)
    return app


def main() -> None:
    try:
        build()(prog_name="carillon")
    except (LocalStackError, CommandError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
