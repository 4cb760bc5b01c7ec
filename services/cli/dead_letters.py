"""`carillon dead-letters`: what nobody could process: looked at, played again, or given up."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Annotated

import typer

from services.cli.address import AmqpOption, broker
from services.cli.dead_letters_box import MOST, Box, open_box
from services.cli.dead_letters_view import described, listed
from services.cli.errors import CommandError
from shared.bus.dead import DeadLetter
from shared.bus.incoming import Incoming

group = typer.Typer(help="What ended as a dead letter: list, show, replay, drop.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids from `list`, or their first characters.")]
Reason = Annotated[str | None, typer.Option(help="All whose reason contains this.")]
Queue = Annotated[str | None, typer.Option(help="All that came from this queue.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Chosen = Callable[[DeadLetter], bool]
Settle = Callable[[Box, DeadLetter, Incoming], Awaitable[None]]


class NothingChosenError(CommandError):
    """No dead letter is meant, or none is there."""


@group.command("list")
def list_(reason: Reason = None, queue: Queue = None, amqp_url: AmqpOption = None) -> None:
    """Count the dead letters by queue and reason, and list them; the payload of a send is never shown."""
    found, behind = asyncio.run(_read(broker(amqp_url)))
    typer.echo("\n".join(listed([one for one in found if chosen(None, reason, queue, all_=True)(one)])))
    _tell_of(behind)


@group.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID")], amqp_url: AmqpOption = None) -> None:
    """Show one dead letter, its body without any string that is no id."""
    found, behind = asyncio.run(_read(broker(amqp_url)))
    letters = [one for one in found if chosen([id_], None, None)(one)]
    if not letters:
        _tell_of(behind)
        raise NothingChosenError(f"There is no dead letter {id_}.")
    for letter in letters:
        typer.echo(described(letter))


@group.command()
def replay(
    ids: Ids = None,
    reason: Reason = None,
    queue: Queue = None,
    all_: All = False,  # noqa: FBT002
    amqp_url: AmqpOption = None,
) -> None:
    """Publish dead letters back to the queues they came from. An interrupted replay may be repeated."""
    done, behind = asyncio.run(_each(broker(amqp_url), chosen(ids, reason, queue, all_=all_), Box.replay))
    typer.echo(f"{done:,} replayed")
    _tell_of(behind)


@group.command()
def drop(
    ids: Ids = None,
    reason: Reason = None,
    queue: Queue = None,
    all_: All = False,  # noqa: FBT002
    amqp_url: AmqpOption = None,
) -> None:
    """Give dead letters up. The open chunks of dead slices are closed as `failed: dropped`; other messages just go."""
    done, behind = asyncio.run(_each(broker(amqp_url), chosen(ids, reason, queue, all_=all_), Box.drop))
    typer.echo(f"{done:,} dropped")
    _tell_of(behind)


def chosen(ids: list[str] | None, reason: str | None, queue: str | None, *, all_: bool = False) -> Chosen:
    """Whether a dead letter is meant. Ids, reason and queue narrow each other. Raises NothingChosenError."""
    if not (ids or reason or queue or all_):
        raise NothingChosenError("Which? Name ids, --reason, --queue or --all.")
    return lambda letter: (
        (not ids or letter.id.startswith(tuple(ids)))
        and (not reason or reason in letter.reason)
        and (not queue or letter.queue == queue)
    )


def _tell_of(behind: int) -> None:
    if behind:
        typer.echo(f"These are the oldest {MOST:,}. Behind them lie {behind:,} more, not looked at.", err=True)


async def _read(url: str) -> tuple[list[DeadLetter], int]:
    """Those that are looked at, and how many are not."""
    async with open_box(url) as box:
        return [letter async for letter, _ in box.letters(MOST)], box.behind


async def _each(url: str, wanted: Chosen, settle: Settle) -> tuple[int, int]:
    """How many were settled, and how many were not even looked at."""
    done = 0
    async with open_box(url) as box, aclosing(box.letters(MOST)) as letters:
        async for letter, incoming in letters:
            if wanted(letter):
                await settle(box, letter, incoming)
                done += 1
    return done, box.behind
