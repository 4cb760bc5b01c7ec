"""A backend imports devices: a stream of lines, one registration each, and an answer for every line that is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from pydantic import Field, TypeAdapter, ValidationError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.devices import NewDevice
from services.ingest.importing_in_order import Numbered, open_writing
from services.ingest.moments import Moment
from services.ingest.problems import Refused
from shared.flow.audience import DeviceId
from shared.flow.model import Travelling
from shared.flow.send import Problem
from shared.providers.registry import problems_of, provider
from shared.store.bulk import A_TURN
from shared.store.bulk_plan import Line
from shared.store.devices import Registration

AT_ONCE: Final = 4000
"""Lines that are written together, while the next ones are read: the more, the closer they lie in the indexes."""
FIRST: Final = 200
"""The first of them, which tell what most of the others are."""
IN_ALL: Final = 4 * 1024 * 1024
"""Bytes of such lines; those that are as long as a line may be go in smaller groups."""
LISTED: Final = 5000
"""Refused lines of which the answer tells why; of more it tells how many."""
OF_EACH: Final = 10
"""Things that are wrong with one of them."""


class ImportedDevice(NewDevice):
    """A registration as of its own time; what an export writes can be read."""

    id: DeviceId | None = Field(default=None, description="the device's id, where this deployment knows it by one")
    first_seen: Moment | None = None
    registered_at: Moment | None = Field(default=None, description="when it registered last; now unless set")


class RefusedLine(Travelling):
    """Why a line was refused."""

    line: int = Field(description="from 1")
    errors: tuple[Problem, ...]


class Imported(Travelling):
    """What became of the lines: each is created, updated or refused."""

    lines: int
    created: int
    updated: int
    refused: int
    errors: tuple[RefusedLine, ...] = Field(default=(), description=f"of the first {LISTED:,} refused lines")


class Tally:
    """An import being added up."""

    def __init__(self) -> None:
        self.lines = self.refused = 0
        self.errors: list[RefusedLine] = []

    def refuse(self, line: int, errors: list[Problem]) -> None:
        """One line is not taken."""
        self.refused += 1
        if len(self.errors) < LISTED:
            self.errors.append(RefusedLine(line=line, errors=tuple(errors[:OF_EACH])))

    def foreign(self, line: int, why: str) -> None:
        """A line names a device that the app does not have."""
        self.refuse(line, [Problem(pointer="/id", detail=why)])

    def whole(self, created: int, updated: int) -> Imported:
        """The answer."""
        return Imported(
            lines=self.lines, created=created, updated=updated, refused=self.refused,
            errors=tuple(sorted(self.errors, key=lambda one: one.line)),
        )  # fmt: skip


_READ: Final = TypeAdapter(ImportedDevice)


async def receive(desk: Desk, call: Call) -> Reply:
    """Registers what comes in; a line that is refused keeps no other back."""
    roster = await desk.rosters.of(call.app, fresh=True)
    tally = Tally()
    reading = Reading(
        call.app, {one.variant: (one.platform, provider(one.platform).canonical) for one in roster.targets}, tally
    )
    async with open_writing(desk.store.bulk, tally.foreign) as writing:
        async for batch in _batches(call.body):
            await writing.put(await reading.lines(batch, desk.now()))
        await writing.end()
    return Reply(HTTPStatus.OK, tally.whole(writing.created, writing.updated))


async def _batches(lines: AsyncIterator[list[bytes]]) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Lines with their numbers, so many at once; empty ones are none."""
    batch, number, size, most = list[tuple[int, bytes]](), 0, 0, FIRST
    try:
        async for some in lines:
            for line in some:
                number += 1
                if not line or line.isspace():
                    continue
                batch.append((number, line))
                size += len(line)
                if len(batch) >= most or size >= IN_ALL:
                    yield batch
                    batch, size, most = [], 0, AT_ONCE
    except Refused:
        if batch:
            yield batch  # what came before it is imported
        raise
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads the lines of one import. By variant of its app: the platform, and how it spells a token."""

    app: str
    variants: Mapping[str, tuple[str, Callable[[str], str]]]
    tally: Tally

    async def lines(self, batch: Sequence[tuple[int, bytes]], now: datetime) -> list[Numbered]:
        """Those that are registrations; between some of them others have their turn, and what is written goes on."""
        read: list[Numbered] = []
        for start in range(0, len(batch), A_TURN):
            await asyncio.sleep(0)
            for number, raw in batch[start : start + A_TURN]:
                if (line := self._line(number, raw, now)) is not None:
                    read.append((number, line))
        return read

    def _line(self, number: int, raw: bytes, now: datetime) -> Line | None:
        self.tally.lines += 1
        try:
            new = _READ.validate_json(raw, strict=True)
        except ValidationError as error:
            self.tally.refuse(number, problems_of(error))
            return None
        if new.variant not in self.variants:
            self.tally.refuse(number, [Problem(pointer="/variant", detail="the app has no such variant")])
            return None
        platform, spelled = self.variants[new.variant]
        at = min(now, new.registered_at) if new.registered_at else now
        registration = Registration(
            self.app, new.variant, platform, spelled(new.token), new.installation, new.said(),
            bytes.fromhex(new.id) if new.id else None,
        )  # fmt: skip
        return Line(registration, at, min(at, new.first_seen) if new.first_seen else None)
