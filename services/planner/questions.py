"""Answers what commands only ask, a few at a time: how many devices an audience has, and what one would get."""

import asyncio
from typing import Final

from shared.estimating import Estimating
from shared.flow.answer import CommandAnswer
from shared.flow.estimate import EstimateCommand
from shared.flow.preview import PreviewCommand
from shared.previewing import Previewing

AT_ONCE: Final = 8
"""A message may ask a thousand things; those who send do not wait behind them at the store."""


class Questions:
    """Lives as long as the process."""

    def __init__(self, estimating: Estimating, previewing: Previewing) -> None:
        self._estimating = estimating
        self._previewing = previewing
        self._room = asyncio.Semaphore(AT_ONCE)

    async def answer(self, asked: EstimateCommand | PreviewCommand) -> CommandAnswer:
        """The answer. Raises `Unacceptable`."""
        async with self._room:
            if isinstance(asked, EstimateCommand):
                found = await self._estimating.of(asked.app, asked.audience)
                return CommandAnswer(id=asked.id, state="estimated", estimate=found)
            return CommandAnswer(id=asked.id, state="previewed", preview=await self._previewing.of(asked.app, asked))
