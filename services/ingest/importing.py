"""A backend imports devices: a stream of lines, one registration each, and an answer for every line that is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Final

from pydantic import Field, TypeAdapter, ValidationError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.devices import NewDevice
from services.ingest.moments import Moment
from services.ingest.problems import Refused
from shared.flow.audience import DeviceId
from shared.flow.model import Travelling
from shared.flow.send import Problem
from shared.providers.registry import problems_of, provider
from shared.roster import Roster
from shared.store.bulk import Line
from shared.store.devices import Registration

AT_ONCE: Final = 4000
"""Lines that are written together, while the next ones are read: the more, the closer they lie in the indexes."""
IN_ALL: Final = 4 * 1024 * 1024
"""Bytes of such lines; those that are as long as a line may be go in smaller groups."""
A_TURN: Final = 100
"""Lines that are read in one turn of the loop: a couple of milliseconds."""
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
        self.lines = self.created = self.updated = self.refused = 0
        self.errors: list[RefusedLine] = []

    def refuse(self, line: int, errors: list[Problem]) -> None:
        """One line is not taken."""
        self.refused += 1
        if len(self.errors) < LISTED:
            self.errors.append(RefusedLine(line=line, errors=tuple(errors[:OF_EACH])))

    def whole(self) -> Imported:
        """The answer."""
        return Imported(
            lines=self.lines, created=self.created, updated=self.updated, refused=self.refused,
            errors=tuple(sorted(self.errors, key=lambda one: one.line)),
        )  # fmt: skip


_READ: Final = TypeAdapter(ImportedDevice)
Numbered = tuple[int, Line]


async def receive(desk: Desk, call: Call) -> Reply:
    """Registers what comes in; a line that is refused keeps no other back."""
    roster = await desk.rosters.of(call.app, fresh=True)
    tally, writing = Tally(), None
    try:
        async for batch in _batches(call.body):
            some = await _read(call.app, roster, batch, tally, desk.now())
            if writing is not None:
                await writing  # one batch at a time, so that of two lines for one device the later one wins
            writing = asyncio.create_task(_write(desk, some, tally))
        if writing is not None:
            await writing
    finally:
        if writing is not None:
            await asyncio.wait([writing])
    return Reply(HTTPStatus.OK, tally.whole())


async def _batches(lines: AsyncIterator[list[bytes]]) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Lines with their numbers, so many at once; empty ones are none."""
    batch, number = list[tuple[int, bytes]](), 0
    try:
        async for some in lines:
            batch += [(place, line) for place, line in enumerate(some, number + 1) if line.strip()]
            number += len(some)
            while len(batch) >= AT_ONCE or sum(len(line) for _, line in batch) >= IN_ALL:
                yield batch[:AT_ONCE]
                batch = batch[AT_ONCE:]
    except Refused:
        if batch:
            yield batch  # what came before it is imported
        raise
    if batch:
        yield batch


async def _read(
    app: str, roster: Roster, batch: list[tuple[int, bytes]], tally: Tally, now: datetime
) -> list[Numbered]:
    """Those that are registrations; between some of them others have their turn, and what is written goes on."""
    read: list[Numbered] = []
    for start in range(0, len(batch), A_TURN):
        await asyncio.sleep(0)
        found = (_line(app, roster, one, tally, now) for one in batch[start : start + A_TURN])
        read += [one for one in found if one is not None]
    return read


def _line(app: str, roster: Roster, numbered: tuple[int, bytes], tally: Tally, now: datetime) -> Numbered | None:
    number, raw = numbered
    tally.lines += 1
    try:
        new = _READ.validate_json(raw, strict=True)
    except ValidationError as error:
        tally.refuse(number, problems_of(error))
        return None
    platform = roster.platform(new.variant)
    if platform is None:
        tally.refuse(number, [Problem(pointer="/variant", detail="the app has no such variant")])
        return None
    at = min(now, new.registered_at) if new.registered_at else now
    registration = Registration(
        app, new.variant, platform, provider(platform).canonical(new.token), new.installation, new.said(),
        bytes.fromhex(new.id) if new.id else None,
    )  # fmt: skip
    return number, Line(registration, at, min(at, new.first_seen) if new.first_seen else None)


async def _write(desk: Desk, some: list[Numbered], tally: Tally) -> None:
    done = await desk.store.bulk.register([line for _, line in some])
    tally.created, tally.updated = tally.created + done.created, tally.updated + done.updated
    for place, why in done.refused.items():
        tally.refuse(some[place][0], [Problem(pointer="/id", detail=why)])
