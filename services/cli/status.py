"""`carillon status`: what became of a send."""

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console

from services.cli.address import Address, SecretOption, UrlOption, address
from services.cli.api import DONE, Status, open_api
from services.cli.follow import follow, said_of
from services.cli.report_table import report_table


def command(
    send: Annotated[str, typer.Argument(help="The send's id.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay until it is finished.")] = False,  # noqa: FBT002
    json: Annotated[bool, typer.Option("--json", help="Print state and report as JSON.")] = False,  # noqa: FBT002
    url: UrlOption = None,
    secret: SecretOption = None,
) -> None:
    """Show what became of a send; it ends with an error if the send was rejected."""
    found = asyncio.run(look(address(url, secret), send, stay=follow))
    if json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show(found)
    if found.state == "rejected":
        sys.exit(1)


async def look(where: Address, send: str, *, stay: bool) -> Status:
    """The status now, or with `stay` when it is final."""
    async with open_api(where.url, where.secret) as api:
        status = await api.status(send)
        if stay and status.state not in DONE:
            status = (await follow(api, {send: send}, Console(stderr=True)))[send]
        return status


def show(status: Status) -> None:
    """For people."""
    console = Console(highlight=False)
    if status.state == "rejected":
        console.print(f"{status.id}: {said_of(status)}", markup=False, soft_wrap=True)
    else:
        console.print(report_table(f"{status.id} is {status.state}", status.report))
