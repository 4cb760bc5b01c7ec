"""Carries out what commands order of sends of before, answers what they ask, and says what became of it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Final

from services.planner.keyed_orders import KeyedOrders
from services.planner.publishing import Publishing
from services.planner.questions import Questions
from services.planner.told import Asked, Told
from shared.editing import Editing
from shared.flow.answer import CommandAnswer, CommandState
from shared.flow.envelope import Refused
from shared.flow.estimate import EstimateCommand
from shared.flow.identity import send_key
from shared.flow.lane import Lane
from shared.flow.order import Wish
from shared.flow.preview import PreviewCommand
from shared.flow.send import OrderCommand, Problem, ReplaceCommand
from shared.ordering import Ordering, TooLate
from shared.refusal import Unacceptable
from shared.store.errors import Missing

DONE: Final[dict[Wish, CommandState]] = {Wish.CANCEL: "cancelled", Wish.PAUSE: "paused", Wish.RESUME: "resumed"}
PATIENCE: Final = (0.1, 0.3, 0.6)
"""Seconds. A planner takes many messages at once: the send that was published just before is being stored."""


@dataclass(frozen=True, slots=True)
class OrdersTaken:
    """Lives as long as the process."""

    ordering: Ordering
    editing: Editing
    questions: Questions
    keyed: KeyedOrders
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
        answer = await self._answer(told, told.asked)
        if answer.state == "rejected":  # it appears in the results, too, as every command that is rejected
            refused = Refused(key=send_key(told.app, told.id), mark=told.mark, problems=answer.errors)
            await self.publishing.refused(Lane.NOW, refused)
        return answer

    async def _answer(self, told: Told, asked: Asked | None) -> CommandAnswer:
        match asked:
            case None:
                return _rejected(told, told.problems)
            case OrderCommand() | ReplaceCommand():
                work = partial(self._ordered, told, asked)
                return await (work() if asked.key is None else self.keyed.answer(told, asked.key, work))
            case EstimateCommand() | PreviewCommand():
                try:
                    return await self.questions.answer(asked)
                except Unacceptable as error:
                    return _rejected(told, error.problems)

    async def _ordered(self, told: Told, asked: OrderCommand | ReplaceCommand) -> CommandAnswer:
        try:
            return CommandAnswer(id=told.id, state=await self._patiently(send_key(told.app, told.id), asked))
        except Missing as error:
            return _rejected(told, [Problem(pointer="/id", detail=str(error))])
        except TooLate as error:
            return _rejected(told, [Problem(pointer="/do", detail=str(error))])
        except Unacceptable as error:
            return _rejected(told, error.problems)

    async def _patiently(self, key: str, asked: OrderCommand | ReplaceCommand) -> CommandState:
        for wait in PATIENCE:
            try:
                return await self._do(key, asked)
            except Missing:
                await asyncio.sleep(wait)
        return await self._do(key, asked)

    async def _do(self, key: str, asked: OrderCommand | ReplaceCommand) -> CommandState:
        if isinstance(asked, OrderCommand):
            await self.ordering.carry_out(key, asked.do)
            return DONE[asked.do]
        await self.editing.replace(key, asked.request())
        return "valid" if asked.validate_only else "replaced"


def _rejected(told: Told, problems: Iterable[Problem]) -> CommandAnswer:
    return CommandAnswer(id=told.id, state="rejected", errors=tuple(problems))
