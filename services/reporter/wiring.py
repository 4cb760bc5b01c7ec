"""Puts a reporter process together; the only place that constructs."""

import asyncio

from services.reporter.deriving import Deriving
from services.reporter.feedback import Feedback
from services.reporter.hearing import Hearing
from services.reporter.retiring import Retiring
from services.reporter.settings import ReporterSettings
from services.reporter.summing import Summing
from shared.foundation import Foundation, open_foundation
from shared.runtime.metrics import Metrics
from shared.runtime.start import Process


async def main(process: Process[ReporterSettings]) -> None:
    """One reporter process from start to drain."""
    async with open_foundation("reporter", process.settings, process.life, Metrics()) as on:
        await run(on)


async def run(on: Foundation) -> None:
    """Everything a reporter does, until asked to stop; then the last sums."""
    feedback = Feedback(on.bus)
    deriving = Deriving(on.store, on.clock, Retiring(on.store, on.clock, on.metrics), feedback)
    summing = Summing(on.store, on.clock, on.metrics, feedback, deriving)
    hearing = Hearing(on.store, on.taking("results"), deriving, feedback, summing)
    async with asyncio.TaskGroup() as tasks:
        endless = tasks.create_task(summing.run())
        await hearing.run()
        endless.cancel()
    await summing.due(all_=True)
