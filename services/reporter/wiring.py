"""Puts a reporter process together; the only place that constructs."""

import asyncio
import random
from datetime import timedelta

from services.reporter.adding import Adding
from services.reporter.deriving import Deriving
from services.reporter.erasing import Erasing
from services.reporter.expiring import Expiring
from services.reporter.feedback import Feedback
from services.reporter.gate import Gate
from services.reporter.hearing import Hearing
from services.reporter.housekeeping import Housekeeping
from services.reporter.letters import Letters
from services.reporter.purging import Purging
from services.reporter.removing import Removing
from services.reporter.retiring import Retiring
from services.reporter.settings import ReporterSettings
from services.reporter.summing import Summing
from services.reporter.suspecting import Suspecting
from services.reporter.webhooks.announcing import Announcing
from services.reporter.webhooks.calling import open_caller
from services.reporter.webhooks.dispatching import Dispatching
from services.reporter.webhooks.subscribers import Subscribers
from services.reporter.webhooks.watching import Watching
from shared.foundation import Foundation, open_foundation
from shared.runtime.metrics import Metrics
from shared.runtime.start import Process


async def main(process: Process[ReporterSettings]) -> None:
    """One reporter process from start to drain."""
    async with open_foundation("reporter", process.settings, process.life, Metrics(), process.tracing) as on:
        await run(on, process.settings)


async def run(on: Foundation, settings: ReporterSettings) -> None:
    """Everything a reporter does, until asked to stop; then the last sums."""
    feedback = Feedback(on.bus)
    gate = Gate(on.store, on.clock, on.metrics)
    removing = Removing(on.store, on.clock, on.metrics, settings.removals_least, settings.removals_share)
    announcing = Announcing(on.store, on.clock, Subscribers(on.store.webhooks), set())
    housekeeping = Housekeeping(on.store, gate, removing, on.life, on.owner, announcing)
    deriving = Deriving(on.store, on.clock, Retiring(removing, Suspecting(gate)), feedback, announcing)
    summing = Summing(on.store, on.clock, on.metrics, feedback, deriving, on.tracing)
    hearing = Hearing(on.store, on.taking("results"), deriving, feedback, summing, on.metrics, on.tracing)
    within = timedelta(seconds=settings.webhook_seconds)
    async with open_caller(settings.networks(), within=within) as caller, asyncio.TaskGroup() as tasks:
        endless = tasks.create_task(summing.run())
        tasks.create_task(housekeeping.run())
        tasks.create_task(Watching(on.store, announcing, on.life).run())
        tasks.create_task(
            Dispatching(
                on.store, on.clock, on.life, on.metrics, caller, settings.time_scale,
                random.Random(),  # noqa: S311  # jitter, not a secret
            ).run()
        )  # fmt: skip
        tasks.create_task(Erasing(on.store, on.clock, on.life, on.owner, Letters(on.bus).forget).run())
        tasks.create_task(Purging(on.store, on.clock, on.life, on.metrics, on.owner).run())
        tasks.create_task(Adding(on.store, on.clock, on.life, on.owner).run())
        tasks.create_task(Expiring(on.store, on.clock, on.life, on.metrics).run())
        await hearing.run()
        endless.cancel()
    await summing.due(all_=True)
