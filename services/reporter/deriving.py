"""Derives what follows from records: dead tokens are retired, backends told, and the records marked as heard."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.reporter.feedback import Feedback
from services.reporter.retiring import Retiring
from shared.flow.record import Part
from shared.runtime.clock import Clock
from shared.store.connection import Store


@dataclass(frozen=True, slots=True)
class Deriving:
    """Lives as long as the process."""

    store: Store
    clock: Clock
    retiring: Retiring
    feedback: Feedback

    async def derive(self, records: Iterable[str]) -> list[Part]:
        """Everything that follows from these records; returns their parts."""
        wanted = list(records)
        parts = await self.store.records.read(wanted)
        await self.retiring.retire(parts)
        await self.feedback.chunks(parts)
        await self.store.heard.mark(wanted, self.clock.now())
        return parts

    async def derive_unheard(self, send: str) -> None:
        """The records of a send whose result got lost on the way."""
        unheard = await self.store.heard.unheard(await self.store.records.ids(send))
        if unheard:
            await self.derive(sorted(unheard))
