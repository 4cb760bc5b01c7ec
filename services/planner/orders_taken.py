"""Carries out what commands order of sends of before, and says what became of it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Literal

from services.planner.publishing import Publishing
from services.planner.told import Told
from shared.editing import Editing, Unacceptable
from shared.flow.answer import CommandAnswer
from shared.flow.envelope import Refused
from shared.flow.identity import send_key
from shared.flow.lane import Lane
from shared.flow.order import Wish
from shared.flow.send import Problem, SendRequest
from shared.ordering import Ordering, TooLate
from shared.store.errors import Missing

DONE: Final[dict[Wish, Literal["cancelled", "paused", "resumed"]]] = {
    Wish.CANCEL: "cancelled",
    Wish.PAUSE: "paused",
    Wish.RESUME: "resumed",
}
PATIENCE: Final = (0.1, 0.3, 0.6)
"""Seconds. A planner takes many messages at once: the send that was published just before is being stored."""


@dataclass(frozen=True, slots=True)
class OrdersTaken:
    """Lives as long as the process."""

    ordering: Ordering
    editing: Editing
    publishing: Publishing

    async def carry_out(self, told: Sequence[Told]) -> list[CommandAnswer]:
        """What the backend hears of each, in order. Several about one send are carried out as they stand."""
        by_send: dict[str, list[tuple[int, Told]]] = defaultdict(list)
        for number, one in enumerate(told):
            by_send[one.id].append((number, one))
        said = await asyncio.gather(*(self._in_turn(some) for some in by_send.values()))
        return [answer for _, answer in sorted((one for some in said for one in some), key=itemgetter(0))]

    async def _in_turn(self, told: Iterable[tuple[int, Told]]) -> list[tuple[int, CommandAnswer]]:
        return [(number, await self._one(one)) for number, one in told]

    async def _one(self, told: Told) -> CommandAnswer:
        if told.wish is None:
            return await self._refused(told, told.problems)
        for wait in (*PATIENCE, None):
            try:
                await self._do(send_key(told.app, told.id), told.wish)
            except Missing as error:
                if wait is None:
                    return await self._refused(told, [Problem(pointer="/id", detail=str(error))])
                await asyncio.sleep(wait)
            except TooLate as error:
                return await self._refused(told, [Problem(pointer="/do", detail=str(error))])
            except Unacceptable as error:
                return await self._refused(told, error.problems)
            else:
                break
        return CommandAnswer(id=told.id, state=DONE[told.wish] if isinstance(told.wish, Wish) else "replaced")

    async def _do(self, key: str, wish: Wish | SendRequest) -> None:
        if isinstance(wish, Wish):
            await self.ordering.carry_out(key, wish)
        else:
            await self.editing.replace(key, wish)

    async def _refused(self, told: Told, problems: Iterable[Problem]) -> CommandAnswer:
        """It appears in the results, too, as every command that is rejected."""
        answer = CommandAnswer(id=told.id, state="rejected", errors=tuple(problems))
        refused = Refused(key=send_key(told.app, told.id), mark=told.mark, problems=answer.errors)
        await self.publishing.refused(Lane.NOW, refused)
        return answer
