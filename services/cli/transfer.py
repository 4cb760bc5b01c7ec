"""`carillon devices import` and `export`: many devices in and out, with a progress bar and a word on each refusal."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.cli.address import Address, SecretOption, UrlOption, address
from services.cli.api import Api, open_api
from services.cli.errors import CommandError
from services.cli.importing import aerogear, ndjson, onesignal, sns
from services.cli.importing.parts import Part, parts
from services.cli.importing.refusals import Refusals
from services.cli.importing.row import Json, Reader, Row, Variants, WrongFormatError

Format = Literal["ndjson", "aerogear", "onesignal", "sns"]
READERS: Final[dict[Format, Reader]] = {
    "ndjson": ndjson.read, "aerogear": aerogear.read, "onesignal": onesignal.read, "sns": sns.read,
}  # fmt: skip


def import_(  # noqa: PLR0913  # its options are its interface
    file: Annotated[Path, typer.Argument(help="What to read; `-` is standard input.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="Whose export it is.")] = "ndjson",
    variant: Annotated[str | None, typer.Option(help="All devices go to this variant.")] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="PLATFORM=VARIANT",
            help="Where devices of a platform (of an export of ours: of another variant) go, as in apns=v…; repeat.",
        ),
    ] = None,
    errors: Annotated[Path | None, typer.Option(help="Write every row that was not taken here, a line each.")] = None,
    url: UrlOption = None,
    secret: SecretOption = None,
) -> None:
    """Import devices; ends with 1 if a row was refused. What was imported before is changed, not doubled."""
    where, variants = address(url, secret), Variants(_mapped(mapped or []), variant)
    with _opened(file) as source:
        counts = asyncio.run(_import(where, source, READERS[form](source, variants), _refusals(errors)))
    typer.echo(
        f"{counts['created']:,} created, {counts['updated']:,} updated, {counts['refused']:,} refused, "
        f"{counts['skipped']:,} skipped"
    )
    if counts["refused"]:
        sys.exit(1)


def export(
    file: Annotated[Path, typer.Argument(help="Where to write; `-` is standard output.")],
    *,
    variant: Annotated[str | None, typer.Option(help="Only devices of this variant.")] = None,
    url: UrlOption = None,
    secret: SecretOption = None,
) -> None:
    """Export every device in service, a line of JSON each, as `carillon devices import` reads them."""
    where = address(url, secret)
    count = asyncio.run(_export(where, file, variant))
    Console(stderr=True, highlight=False).print(f"{count:,} devices")


async def _import(where: Address, source: BinaryIO, rows: Iterator[Row], refusals: Refusals) -> dict[str, int]:
    total = {"created": 0, "updated": 0, "refused": 0, "skipped": 0}
    cut = parts(rows)
    with refusals, _progress(_size(source)) as (progress, bar):
        async with open_api(where.url, where.secret) as api:
            part = await asyncio.to_thread(_next, cut)
            while part is not None:
                sending = asyncio.create_task(_sent(api, part, total, refusals))
                try:
                    following = await asyncio.to_thread(_next, cut)  # read while the part before is on its way
                finally:
                    await sending
                at = source.tell() if progress.tasks[0].total else 0
                progress.update(bar, completed=at, devices=sum(total.values()))
                part = following
    return total


def _next(rows: Iterator[Part]) -> Part | None:
    try:
        return next(rows, None)
    except WrongFormatError as error:
        raise CommandError(f"the file is not in that format: {error}") from error


async def _sent(api: Api, part: Part, total: dict[str, int], refusals: Refusals) -> None:
    total["skipped"] += len(part.skipped)
    for row in part.skipped:
        refusals.tell(row.place, "skipped", row.why)
    if not part.lines:
        return
    done = await api.import_devices(part.body)
    for name in ("created", "updated", "refused"):
        total[name] += done[name]
    _tell(refusals, done, part.places)
    if done["refused"] > len(done["errors"]) > 0:
        await _ask_why(api, part, done["errors"][-1]["line"], len(done["errors"]), refusals)


async def _ask_why(api: Api, part: Part, start: int, most: int, refusals: Refusals) -> None:
    """The answer says why of so many refused lines only: the rest is imported again, to the same end, in pieces."""
    for first in range(start, len(part.lines), most):
        piece = Part(part.lines[first : first + most], part.places[first : first + most])
        _tell(refusals, await api.import_devices(piece.body), piece.places)


def _tell(refusals: Refusals, done: Json, places: Sequence[int]) -> None:
    for one in done["errors"]:
        why = "; ".join(f"{each['pointer']}: {each['detail']}".removeprefix(": ") for each in one["errors"])
        refusals.tell(places[one["line"] - 1], "refused", why)


async def _export(where: Address, file: Path, variant: str | None) -> int:
    count = 0
    with _written(file) as out, _progress(None) as (progress, bar):
        async with open_api(where.url, where.secret) as api:
            async for piece in api.export_devices(variant):
                out.write(piece)
                count += piece.count(b"\n")
                progress.update(bar, devices=count)
    return count


def _mapped(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, variant in pairs:
        if not (name and equals and variant):
            raise CommandError(f"--map {name}: write PLATFORM=VARIANT")
    return {name: variant for name, _, variant in pairs}


def _opened(file: Path) -> BinaryIO:
    try:
        return sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def _written(file: Path) -> BinaryIO:
    try:
        return sys.stdout.buffer if str(file) == "-" else file.open("wb")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def _refusals(file: Path | None) -> Refusals:
    try:
        return Refusals(file)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error


def _size(source: BinaryIO) -> int | None:
    """Bytes of the file; None of a pipe, whose end nobody knows."""
    return os.fstat(source.fileno()).st_size if source.seekable() else None


@contextmanager
def _progress(total: int | None) -> Iterator[tuple[Progress, TaskID]]:
    """A bar on a terminal; elsewhere nothing is written, as whoever reads a log has no use for it."""
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[devices]:,} devices"), TimeElapsedColumn())
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True)
    with progress if console.is_terminal else nullcontext():
        yield progress, progress.add_task("", total=total, devices=0)
