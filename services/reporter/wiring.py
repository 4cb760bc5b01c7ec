"""Puts a reporter process together; the only place that constructs."""

import asyncio

from services.reporter.deriving import Deriving
from services.reporter.feedback import Feedback
from services.reporter.gate import Gate
from services.reporter.hearing import Hearing
from services.reporter.housekeeping import Housekeeping
from services.reporter.removing import Removing
from services.reporter.retiring import Retiring
from services.reporter.settings import ReporterSettings
from services.reporter.summing import Summing
from services.reporter.suspecting import Suspecting
from shared.foundation import Foundation, open_foundation
from shared.runtime.metrics import Metrics
from shared.runtime.start import Process


async def main(process: Process[ReporterSettings]) -> None:
    """One reporter process from start to drain."""
    async with open_foundation("reporter", process.settings, process.life, Metrics()) as on:
        await run(on, process.settings)


async def run(on: Foundation, settings: ReporterSettings) -> None:
    """Everything a reporter does, until asked to stop; then the last sums."""
    feedback = Feedback(on.bus)
    gate = Gate(on.store, on.clock, on.metrics)
    removing = Removing(on.store, on.clock, on.metrics, settings.removals_least, settings.removals_share)
    housekeeping = Housekeeping(on.store, gate, removing, on.life, on.owner)
    deriving = Deriving(on.store, on.clock, Retiring(removing, Suspecting(gate)), feedback)
    summing = Summing(on.store, on.clock, on.metrics, feedback, deriving)
    hearing = Hearing(on.store, on.taking("results"), deriving, feedback, summing)
    async with asyncio.TaskGroup() as tasks:
        endless = tasks.create_task(summing.run())
        tasks.create_task(housekeeping.run())
        await hearing.run()
        endless.cancel()
    await summing.due(all_=True)
