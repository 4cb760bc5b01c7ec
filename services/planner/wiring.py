"""Puts a planner process together; the only place that constructs."""

import asyncio
import time
from datetime import timedelta

from services.planner.commands import Commands
from services.planner.counting import Counting
from services.planner.door import Door
from services.planner.dropping import Dropping
from services.planner.feeder import Feeder
from services.planner.intake import Intake
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from services.planner.settings import PlannerSettings
from services.planner.sweep import LEAST_WAIT, Sweep
from shared.foundation import Foundation, open_foundation
from shared.roster import Rosters
from shared.runtime.metrics import Metrics
from shared.runtime.start import Process
from shared.terms import TermsBook


async def main(process: Process[PlannerSettings]) -> None:
    """One planner process from start to drain."""
    settings = process.settings
    async with open_foundation("planner", settings, process.life, Metrics()) as on:
        await run(on, settings)


async def run(on: Foundation, settings: PlannerSettings) -> None:
    """Everything a planner does, until asked to stop."""
    age = timedelta(seconds=settings.sweep_seconds)
    publishing = Publishing(on.bus, on.metrics, settings.time_scale)
    planning = Planning(on.store, on.clock, settings.chunk_size, max(on.clock.scaled(age), LEAST_WAIT))
    feeder = Feeder(on.store, on.bus, publishing, settings.slices_per_worker)
    intake = Intake(on.store, on.taking("sends"), planning, publishing, feeder)
    rosters = Rosters(on.store.variants, on.store.rules, time.monotonic)
    terms = TermsBook(on.store, on.clock)
    door = Door(on.store.apps, on.store.templates, rosters, terms, on.clock, settings.amqp_users)
    commands = Commands(on.store, on.bus, on.metrics, on.taking("commands"), door, publishing)
    counting = Counting(on.store, on.clock, on.metrics, publishing)
    dropping = Dropping(on.store, on.clock, counting, on.taking("drops"))
    sweep = Sweep(on.store, on.clock, on.metrics, on.life, planning, publishing, counting, age)
    async with asyncio.TaskGroup() as tasks:
        endless = [tasks.create_task(feeder.run()), tasks.create_task(feeder.listen())]
        draining = [tasks.create_task(part.run()) for part in (intake, commands, sweep, dropping)]
        await asyncio.wait(draining)
        for task in endless:
            task.cancel()
