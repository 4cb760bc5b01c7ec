"""Knows which Carillon a command speaks to: what an option or a variable says, else what `carillon up` started."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.errors import NotAddressedError
from services.cli.local.places import STACK

UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="CARILLON_URL", help="Where Carillon's API is; else where `carillon up` put it."),
]
AmqpOption = Annotated[
    str | None,
    typer.Option("--amqp-url", envvar="CARILLON_AMQP_URL", help="RabbitMQ; else where `carillon up` put it."),
]
SecretOption = Annotated[
    str | None,
    typer.Option("--secret", envvar="CARILLON_APP_SECRET", help="The app secret: it says for which app."),
]


@dataclass(frozen=True, slots=True)
class Address:
    """`url` without a slash at its end."""

    url: str
    secret: str


def address(url: str | None, secret: str | None, state: Path = STACK / "stack.json") -> Address:
    """Raises NotAddressedError, which says what to set."""
    found = url or _from_stack(state, "ingest")
    if found is None:
        raise NotAddressedError("Which Carillon? Set CARILLON_URL or --url, or run `carillon up`.")
    if not secret:
        raise NotAddressedError("For which app? Set CARILLON_APP_SECRET or --secret to the app's secret.")
    return Address(found.rstrip("/"), secret)


def broker(url: str | None, state: Path = STACK / "stack.json") -> str:
    """The address of RabbitMQ. Raises NotAddressedError."""
    found = url or _from_stack(state, "amqp")
    if found is None:
        raise NotAddressedError("Which RabbitMQ? Set CARILLON_AMQP_URL or --amqp-url, or run `carillon up`.")
    return found


def _from_stack(state: Path, name: str) -> str | None:
    try:
        known: dict[str, Any] = json.loads(state.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    found = known.get("addresses", {}).get(name)
    return found if isinstance(found, str) else None
