"""`carillon setup`: puts a local RabbitMQ and MongoDB on this machine where no Docker daemon answers."""

import typer

from services.cli.local.setup import set_up


def command() -> None:
    """Put RabbitMQ and MongoDB on this machine, unless Docker runs or they are there. Safe to repeat."""
    typer.echo(set_up())
