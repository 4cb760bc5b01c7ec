"""`carillon devices`: import and export; what hygiene did to an app's devices, and taking it back."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cli.address import SecretOption, UrlOption, address
from services.cli.api import Json, open_api
from services.cli.errors import NotAddressedError
from services.cli.transfer import export, import_

group = typer.Typer(
    help="An app's devices: import, export; what hygiene did to them: hygiene, restore.", no_args_is_help=True
)
group.command("import")(import_)
group.command("export")(export)

AppOption = Annotated[str | None, typer.Option("--app", help="The app's id; else the one that the secret is for.")]
Moment = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], help="UTC.")]


@group.command()
def hygiene(app: AppOption = None, url: UrlOption = None, secret: SecretOption = None) -> None:
    """Show which devices were removed or wait in quarantine, and what the anomaly gate decided."""
    where = address(url, secret)
    found = asyncio.run(_call(where.url, where.secret, "GET", f"/v1/apps/{app_of(app, where.secret)}/hygiene"))
    console = Console(highlight=False)
    console.print(_table(found["marks"], ("variant", "mark", "reason", "devices")))
    console.print(
        _table(found["decisions"], ("variant", "judged_at", "decision", "why", "suspects", "results")), soft_wrap=True
    )


@group.command()
def restore(
    start: Moment,
    end: Moment,
    variant: Annotated[str | None, typer.Option(help="Only devices of this variant.")] = None,
    app: AppOption = None,
    url: UrlOption = None,
    secret: SecretOption = None,
) -> None:
    """Put devices back that hygiene removed or quarantined between START and END."""
    where = address(url, secret)
    body = {"from": start.replace(tzinfo=UTC).isoformat(), "to": end.replace(tzinfo=UTC).isoformat()}
    body |= {"variant": variant} if variant else {}
    path = f"/v1/apps/{app_of(app, where.secret)}/hygiene:restore"
    done = asyncio.run(_until_done(where.url, where.secret, path, body))
    typer.echo(f"{done['restored']:,} restored, {done['released']:,} released from quarantine")


def app_of(named: str | None, secret: str) -> str:
    """The app that an option names, or that an app secret (`as_<app>_…`) is for. Raises NotAddressedError."""
    prefix, _, rest = secret.partition("_")
    app = named or (rest.partition("_")[0] if prefix == "as" else "")
    if not app:
        raise NotAddressedError("For which app? The operator's key is for all of them: name one with --app.")
    return app


async def _until_done(url: str, secret: str, path: str, body: Json) -> Counter[str]:
    """Many devices take several requests."""
    total: Counter[str] = Counter()
    more = True
    while more:
        done = await _call(url, secret, "POST", path, body)
        total.update(restored=done["restored"], released=done["released"])
        more = done["more"]
    return total


async def _call(url: str, secret: str, method: str, path: str, body: Json | None = None) -> Json:
    async with open_api(url, secret) as api:
        return await api.call(method, path, body)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    return table
