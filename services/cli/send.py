"""`carillon send`: one message to whomever the options name; prints the send's id."""

import asyncio
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from services.cli.address import Address, SecretOption, UrlOption, address
from services.cli.api import open_api
from services.cli.composing import (
    canary,
    compose,
    local,
    pairs,
    read_object,
    read_send,
    repeat,
    some,
    values_by_user,
)
from services.cli.composing import template as named
from services.cli.errors import CommandError
from services.cli.status import look, show
from shared.flow.lane import Lane
from shared.flow.send import SendRequest

MOMENTS = ["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]
Many = list[str] | None
Yes = bool
_what: Final[Any] = partial(typer.Option, rich_help_panel="What to say")
_whom: Final[Any] = partial(typer.Option, rich_help_panel="To whom")
_when: Final[Any] = partial(typer.Option, rich_help_panel="When")


def command(  # noqa: PLR0913  # its options are its interface
    *,
    title: Annotated[str | None, _what(help="The title.")] = None,
    body: Annotated[str | None, _what(help="The text.")] = None,
    image: Annotated[str | None, _what(help="URL of a picture.")] = None,
    link: Annotated[str | None, _what(help="What a tap opens; the app gets it as data.")] = None,
    data: Annotated[Many, _what(metavar="KEY=VALUE", help="For the app; repeat for more.")] = None,
    action: Annotated[Many, _what(metavar="ID=TITLE", help="A button, made by the app; repeat for more.")] = None,
    priority: Annotated[Literal["high", "normal"] | None, _what(help="How urgent it is.")] = None,
    collapse_key: Annotated[str | None, _what(help="Replaces what came before under the same key.")] = None,
    template: Annotated[str | None, _what(metavar="NAME[@VERSION]", help="A stored template says it.")] = None,
    value: Annotated[Many, _what(metavar="KEY=VALUE", help="For the template, of every --user; repeat.")] = None,
    values: Annotated[
        str | None, _what(metavar="JSON|@FILE", help="By user, for the template; goes to these users.")
    ] = None,
    category: Annotated[str | None, _what(help="What kind of message it is, as devices subscribe to it.")] = None,
    critical: Annotated[Yes, _what("--critical", help="Passes quiet hours and frequency caps.")] = False,
    everyone: Annotated[Yes, _whom("--everyone", help="To every device of the app.")] = False,
    user: Annotated[Many, _whom(help="To the devices of this user; repeat for more.")] = None,
    device: Annotated[Many, _whom(help="To this device, by id; repeat for more.")] = None,
    tag: Annotated[Many, _whom(help="To devices with this tag (any, if repeated).")] = None,
    filter_: Annotated[
        str | None, _whom("--filter", metavar="JSON|@FILE", help="To devices that fit these conditions.")
    ] = None,
    segment: Annotated[Many, _whom(help="To devices in this saved segment (any, if repeated).")] = None,
    topic: Annotated[str | None, _whom(help="To whoever subscribed to this topic at the provider.")] = None,
    platform: Annotated[Many, _whom(help="Only this platform; repeat for more.")] = None,
    variant: Annotated[Many, _whom(help="Only this variant, by id; repeat for more.")] = None,
    exclude_user: Annotated[Many, _whom(help="But not to this user; repeat for more.")] = None,
    exclude_device: Annotated[Many, _whom(help="But not to this device, by id; repeat for more.")] = None,
    confirm: Annotated[Yes, _whom("--confirm", help="To more devices than the app's limit for that.")] = False,
    ttl: Annotated[float | None, _when(help="Seconds until it is no longer worth delivering.")] = None,
    at: Annotated[
        datetime | None, _when(formats=MOMENTS, metavar="MOMENT", help="When, e.g. 2030-01-31T09:00+01:00.")
    ] = None,
    local_at: Annotated[
        str | None, _when("--local", metavar="TIME", help="By each device's own clock, e.g. 2030-01-31T09:00.")
    ] = None,
    cron: Annotated[str | None, _when(help="Again and again, e.g. '0 9 * * mon-fri'.")] = None,
    zone: Annotated[str | None, _when(help="Whose clocks --cron goes by; of --local, for devices without one.")] = None,
    per_minute: Annotated[int | None, _when(help="Spread: so many notifications a minute.")] = None,
    canary_: Annotated[
        str | None, _when("--canary", metavar="PART", help="To a sample first: 1%, or a number of devices.")
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
        "data": pairs("--data", data),
        "actions": [{"id": one, "title": text} for one, text in pairs("--action", action).items()],
        "priority": priority,
        "collapse_key": collapse_key,
    }
    own = values_by_user(values, value, user)
    audience = {
        "everyone": everyone,
        "users": user or list(own),
        "devices": device,
        "tags": some(any=tag),
        "filter": read_object("--filter", filter_),
        "segments": segment,
        "topic": topic,
        "platforms": platform,
        "variants": variant,
        "exclude": some(users=exclude_user, devices=exclude_device),
    }
    if zone is not None and cron is None and local_at is None:
        raise CommandError("--zone: give it with --cron or --local")
    rest = {
        "template": named(template), "values": own, "category": category,
        "critical": critical, "confirm": confirm, "ttl": ttl, "send_at": at, "local": local(local_at, zone),
        "repeat": repeat(cron, zone), "per_minute": per_minute, "canary": canary(canary_), "lane": lane,
        "dry_run": dry_run,
    }  # fmt: skip
    send = asyncio.run(_send(where, compose(read_send(request), message, audience, rest)))
    typer.echo(send)
    if follow:
        _follow(where, send)


async def _send(where: Address, wanted: SendRequest) -> str:
    async with open_api(where.url, where.secret) as api:
        return await api.send(wanted)


def _follow(where: Address, send: str) -> None:
    final = asyncio.run(look(where, send, stay=True))
    show(final)
    if final.state == "rejected":
        sys.exit(1)
