"""`carillon asyncapi`: prints the AsyncAPI document of the AMQP door, or the JSON Schema of some of its messages."""

import json
from typing import Annotated, Literal

import typer

from shared.contract.asyncapi import document
from shared.contract.schemas import message_schema


def command(
    schema: Annotated[
        Literal["command", "answer", "event"] | None,
        typer.Option(help="Only the JSON Schema of these messages: what a backend publishes, hears back, and is told."),
    ] = None,
) -> None:
    """Print the AsyncAPI 3.0 document of the AMQP door."""
    typer.echo(json.dumps(message_schema(schema) if schema else document(), indent=2, ensure_ascii=False))
