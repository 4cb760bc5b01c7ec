"""`carillon send`: one message to whomever the options name; prints the send's id."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from services.cli.address import Address, SecretOption, UrlOption, address
from services.cli.api import open_api
from services.cli.errors import CommandError
from services.cli.status import look, show
from shared.flow.lane import Lane
from shared.flow.send import SendRequest

MOMENTS = ["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]
Many = list[str] | None
Yes = bool


def command(  # noqa: PLR0913  # its options are its interface
    *,
    title: Annotated[str | None, typer.Option(help="The title.")] = None,
    body: Annotated[str | None, typer.Option(help="The text.")] = None,
    image: Annotated[str | None, typer.Option(help="URL of a picture.")] = None,
    link: Annotated[str | None, typer.Option(help="What a tap opens; the app gets it as data.")] = None,
    data: Annotated[Many, typer.Option(metavar="KEY=VALUE", help="For the app; repeat for more.")] = None,
    priority: Annotated[Literal["high", "normal"] | None, typer.Option(help="How urgent it is.")] = None,
    collapse_key: Annotated[str | None, typer.Option(help="Replaces what came before under the same key.")] = None,
    everyone: Annotated[Yes, typer.Option("--everyone", help="To every device of the app.")] = False,
    user: Annotated[Many, typer.Option(help="To the devices of this user; repeat for more.")] = None,
    device: Annotated[Many, typer.Option(help="To this device, by id; repeat for more.")] = None,
    tag: Annotated[Many, typer.Option(help="To devices with this tag (any, if repeated).")] = None,
    platform: Annotated[Many, typer.Option(help="Only this platform; repeat for more.")] = None,
    variant: Annotated[Many, typer.Option(help="Only this variant, by id; repeat for more.")] = None,
    ttl: Annotated[float | None, typer.Option(help="Seconds until it is no longer worth delivering.")] = None,
    at: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, metavar="MOMENT", help="When, e.g. 2030-01-31T09:00+01:00.")
    ] = None,
    lane: Annotated[Lane | None, typer.Option(help="By default from the number of recipients.")] = None,
    request: Annotated[
        Path | None, typer.Option(help="A whole send as JSON, `-` for standard input; other options win over it.")
    ] = None,
    dry_run: Annotated[Yes, typer.Option("--dry-run", help="Go through everything and reach nobody.")] = False,
    follow: Annotated[Yes, typer.Option("--follow", "-f", help="Stay until it is finished, then show it.")] = False,
    url: UrlOption = None,
    secret: SecretOption = None,
) -> None:
    """Send one message, print the send's id."""
    where = address(url, secret)
    message = {
        "title": title,
        "body": body,
        "image": image,
        "link": link,
        "data": _pairs(data or ()),
        "priority": priority,
        "collapse_key": collapse_key,
    }
    audience = {
        "everyone": everyone,
        "users": user,
        "devices": device,
        "tags": {"any": tag} if tag else None,
        "platforms": platform,
        "variants": variant,
    }
    wanted = compose(_read(request), message, audience, {"ttl": ttl, "lane": lane, "dry_run": dry_run, "send_at": at})
    send = asyncio.run(_send(where, wanted))
    typer.echo(send)
    if follow:
        _follow(where, send)


def compose(
    start: Mapping[str, Any], message: Mapping[str, Any], audience: Mapping[str, Any], rest: Mapping[str, Any]
) -> SendRequest:
    """The request; what is empty was not asked for. Raises CommandError that names the wrong field."""
    wanted = {
        **start,
        "message": {**start.get("message", {}), **_given(message)},
        "audience": {**start.get("audience", {}), **_given(audience)},
        **_given(rest),
    }
    try:
        return SendRequest.model_validate(wanted)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"{'.'.join(map(str, one['loc'])) or 'send'}: {one['msg']}" for one in wrong]
        raise CommandError("\n".join(lines)) from error


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, False, {}, [])}


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not equals:
            raise CommandError(f"--data {name}: write KEY=VALUE")
    return {name: value for name, _, value in pairs}


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        found = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"--request {file}: {error}") from error
    if not isinstance(found, dict):
        raise CommandError(f"--request {file}: a send is a JSON object")
    return found


async def _send(where: Address, wanted: SendRequest) -> str:
    async with open_api(where.url, where.secret) as api:
        return await api.send(wanted)


def _follow(where: Address, send: str) -> None:
    final = asyncio.run(look(where, send, stay=True))
    show(final)
    if final.state == "rejected":
        sys.exit(1)
