"""Derives what follows from records: dead tokens are retired, backends told, and the records marked as heard."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from services.reporter.feedback import Feedback
from services.reporter.retiring import Retiring
from services.reporter.webhooks.announcing import Announcing
from shared.flow.record import Part
from shared.runtime.clock import Clock
from shared.store.connection import Store

AT_ONCE: Final = 20
"""Records in memory together; one of 500 devices that all failed has about 100 kB."""


class NotVisible(Exception):  # noqa: N818  # said of the record
    """A record that a result names cannot be read yet: the message is given back."""


@dataclass(frozen=True, slots=True)
class Deriving:
    """Lives as long as the process."""

    store: Store
    clock: Clock
    retiring: Retiring
    feedback: Feedback
    announcing: Announcing

    async def derive(self, records: Collection[str]) -> dict[str, list[Part]]:
        """Everything that follows from these records; returns their parts. Raises `NotVisible`: try later."""
        found = await self.store.records.read(records)
        parts = [part for one in found.values() for part in one]
        await self.retiring.retire(found)
        await self.announcing.retired(found)
        await self.feedback.chunks(parts)
        await self.store.heard.mark(found, self.clock.now())
        if len(found) < len(records):
            message = f"{len(records) - len(found)} records are not visible with majority yet"
            raise NotVisible(message)
        return found

    async def derive_unheard(self, send: str) -> None:
        """The records of a send whose result got lost on the way, some at a time."""
        unheard = sorted(await self.store.heard.unheard(await self.store.records.ids(send)))
        for start in range(0, len(unheard), AT_ONCE):
            await self.derive(unheard[start : start + AT_ONCE])
