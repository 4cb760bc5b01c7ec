"""What the commands `cancel`, `pause` and `resume` have in common: an order about one send, and how it stands then."""

import asyncio
from typing import Annotated

import typer

from services.cli.address import Address, address
from services.cli.api import Status, open_api
from services.cli.status import show

SendArgument = Annotated[str, typer.Argument(help="The send's id.")]


def order(send: str, wish: str, url: str | None, secret: str | None) -> None:
    """Gives the order and shows the send."""
    show(asyncio.run(_give(address(url, secret), send, wish)))


async def _give(where: Address, send: str, wish: str) -> Status:
    async with open_api(where.url, where.secret) as api:
        return await api.order(send, wish)
