"""Puts a planner process together; the only place that constructs."""

import asyncio
import time
from datetime import timedelta
from functools import partial

from services.planner.calling_off import CallingOff
from services.planner.commands import Commands
from services.planner.counting import Counting
from services.planner.door import Door
from services.planner.dropping import Dropping
from services.planner.feeder import Feeder
from services.planner.intake import Intake
from services.planner.keyed_orders import KeyedOrders
from services.planner.looking import Looking
from services.planner.orders_taken import OrdersTaken
from services.planner.planning import Planning
from services.planner.publishing import Publishing
from services.planner.questions import Questions
from services.planner.recurring import Recurring
from services.planner.settings import PlannerSettings
from services.planner.sweep import LEAST_WAIT, Sweep
from shared.bus.topology import DEAD_LETTERS
from shared.editing import Editing
from shared.estimating import Estimating
from shared.foundation import Foundation, open_foundation
from shared.in_force import InForce
from shared.ordering import Ordering
from shared.previewing import Previewing
from shared.roster import Rosters
from shared.runtime.metrics import Metrics
from shared.runtime.start import Process
from shared.terms import TermsBook


async def main(process: Process[PlannerSettings]) -> None:
    """One planner process from start to drain."""
    settings = process.settings
    async with open_foundation("planner", settings, process.life, Metrics(), process.tracing) as on:
        await run(on, settings)


async def run(on: Foundation, settings: PlannerSettings) -> None:
    """Everything a planner does, until asked to stop."""
    age = timedelta(seconds=settings.sweep_seconds)
    publishing = Publishing(on.bus, on.metrics, settings.time_scale)
    planning = Planning(on.store, on.clock, settings.chunk_size, max(on.clock.scaled(age), LEAST_WAIT), on.tracing)
    orders = InForce(on.store)
    await on.life.reach("store", orders.refresh)
    feeder = Feeder(on.store, on.bus, publishing, settings.slices_per_worker, orders, on.clock)
    intake = Intake(on.store, on.taking("sends"), planning, publishing, feeder, on.tracing)
    rosters = Rosters(on.store.variants, on.store.rules, time.monotonic)
    terms = TermsBook(on.store, on.clock)
    door = Door(on.store.apps, on.store.templates, rosters, terms, on.clock, settings.amqp_users)
    editing = Editing(on.store, rosters, terms, on.clock)
    questions = Questions(Estimating(on.store, rosters, terms, on.clock), Previewing(on.store, rosters, on.clock))
    keyed = KeyedOrders(on.store.keyed, on.clock)
    taken = OrdersTaken(Ordering(on.store, on.clock), editing, questions, keyed, publishing)
    commands = Commands(on.store, on.bus, on.metrics, on.taking("commands"), door, publishing, taken, on.tracing)
    counting = Counting(on.store, on.clock, on.metrics, publishing)
    calling_off = CallingOff(on.store, on.clock, counting, on.owner)
    dropping = Dropping(on.store, on.clock, calling_off, on.taking("drops"))
    patience = max(on.clock.scaled(age), LEAST_WAIT)
    recurring = Recurring(on.store, on.clock, rosters)
    looking = Looking(on.store, on.clock, on.metrics, planning, publishing, counting, calling_off, recurring, patience)
    sweep = Sweep(on.store, on.clock, on.metrics, on.life, looking, age)
    on.metrics.ask(partial(_buried, on))
    async with asyncio.TaskGroup() as tasks:
        endless = [tasks.create_task(part) for part in (feeder.run(), feeder.listen(), orders.run())]
        draining = [tasks.create_task(part.run()) for part in (intake, commands, sweep, dropping)]
        await asyncio.wait(draining)
        for task in endless:
            task.cancel()


async def _buried(on: Foundation) -> None:
    """No service takes from the dead letters, so one of them has to look."""
    on.metrics.queue_messages.labels(DEAD_LETTERS).set((await on.bus.depth(DEAD_LETTERS)).ready)
