"""Runs one case: campaigns and a trickle while the fault happens, then the books, closed by the checker."""

import asyncio
import time
import traceback
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from services.cli.local.fleet import Fleet
from tests.chaos.case import Case, Outcome, Result
from tests.chaos.checker import asking, books, ledger, population, promises, recovery
from tests.chaos.checker.books import Balance
from tests.chaos.scene import Scene
from tests.chaos.stage import Servers, scene
from tests.moved import Watch, watching

RECOVERY_MARGIN: Final = 2.0
METRICS_EVERY: Final = timedelta(seconds=2)
REMARKS: Final = 8
BUSY: Final = 3
"""Times as long may reports take in the short form: the machine runs other tests, too."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is the same for all cases of a run."""

    folder: Path
    devices: int
    seed: int
    short: bool


async def run(case: Case, running: Fleet, servers: Servers, of: Run) -> Outcome:
    """The outcome of a case; whatever goes wrong is one too, and it ends by itself."""
    folder = of.folder / case.name
    folder.mkdir(parents=True, exist_ok=True)
    chance = Random(f"{of.seed}/{case.name}")
    began = time.monotonic()
    try:
        async with (
            asyncio.timeout(case.limit),
            watching(running, METRICS_EVERY) as watch,
            scene(case, running, servers, folder, of.devices, chance, short=of.short) as one,
        ):
            await _play(case, one)
            return await _audit(case, one, of, began, watch)
    except (Exception, ExceptionGroup) as error:  # noqa: BLE001  # one case's failure is not the end of the others
        return Outcome(None, tuple(_told(error)))


def _told(error: BaseException) -> list[str]:
    """What went wrong, one by one, each with the place where it did."""
    if isinstance(error, BaseExceptionGroup):
        return [line for one in error.exceptions for line in _told(one)]
    place = traceback.extract_tb(error.__traceback__)[-1:]
    return [f"{type(error).__name__}: {error} " + "".join(f"({at.filename}:{at.lineno})" for at in place)]


async def _play(case: Case, one: Scene) -> None:
    """The fault, while campaigns follow each other and single sends trickle; both end with it."""
    users = [device.user for device in one.devices if device.stable and device.platform == one.setup.variants[0]]
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(one.backend.trickle(users, one.setup.trickle, one.chance, over))
        try:
            if not case.drives:
                group.create_task(_campaigns(one, over))
                await one.flowing()
            await case.fault(one)
        finally:
            over.set()


async def _campaigns(one: Scene, over: asyncio.Event) -> None:
    while not over.is_set():
        await one.campaign_again()


async def _audit(case: Case, one: Scene, of: Run, began: float, watch: Watch) -> Outcome:
    """From the outside: journal, logs and API."""
    meant = promises.read(one.folder / "promises.jsonl")
    ids = [promise.id for promise in meant.values() if promise.id]
    within = one.setup.reports_within * (BUSY if of.short else 1)
    told = await asking.reports(one.fleet.api, one.tenant.secret, ids, within)
    asked = await asyncio.to_thread(ledger.read, one.fleet.site.folder / "simulator")
    # in the short form cases share their providers; else whatever nobody meant is told, too
    ours = {mark: answers for mark, answers in asked.sends.items() if mark in meant or not of.short}
    people = population.read(one.folder / "population.jsonl")
    balance = books.close(meant.values(), people, ours, told)
    untold = await one.hook.untold(set(ids)) if one.hook is not None else 0
    await watch.scrape()
    result = Result(
        case=case.name,
        devices=of.devices,
        promised=balance.promised,
        delivered=balance.delivered,
        lost=balance.lost,
        duplicated=balance.duplicated,
        in_flight_bound=one.setup.stack.chunk * one.setup.stack.in_flight * one.cut_off,
        in_flight_at_kills=tuple(kill.in_flight for kill in one.kills),
        miscounted=balance.miscounted,
        seconds=round(time.monotonic() - began, 1),
        seed=of.seed,
        metrics=tuple(sorted(watch.moved)),
    )
    felt = recovery.felt(one.kills, asked)
    patience = [max(case.setup.stack.lease, kill.away) + RECOVERY_MARGIN for kill in one.kills]
    timed = case.timed and not of.short  # a test run shares its machine: there only the books decide
    slow = [f"{seconds:.1f} s" for seconds, most in zip(felt, patience, strict=True) if timed and seconds > most]
    open_ = sum(1 for report in told.values() if report.get("state") != "finished")
    failures = _failures(case, result, balance, slow, open_, untold) + one.findings
    return Outcome(result, tuple(failures), _remarks(balance), tuple(felt))


def _remarks(balance: Balance) -> tuple[str, ...]:
    given_up = [f"given up: {n} {reason}" for reason, n in sorted(balance.failed.items())]
    return (*given_up, *balance.remarks[:REMARKS])


def _failures(  # what was found, one by one
    case: Case, result: Result, balance: Balance, slow: list[str], open_: int, untold: int
) -> list[str]:
    """Every bar that is missed."""
    bars = {
        f"lost {balance.lost}": balance.lost > 0,
        f"miscounted {balance.miscounted}": balance.miscounted > 0,
        f"duplicated {balance.duplicated}, more than {result.in_flight_bound}": (
            balance.duplicated > result.in_flight_bound
        ),
        f"{open_} sends are not finished": open_ > 0,
        f"kills were felt for {', '.join(slow)}": bool(slow),
        "nothing was in flight at any kill": case.kills and not sum(result.in_flight_at_kills),
        "nothing was delivered": balance.delivered == 0,
        f"the webhook was not told of the end of {untold} sends": untold > 0,
        "a device ended in two ways (chunk_conflicts)": "chunk_conflicts" in result.metrics,
        f"{balance.failed['poison']} healthy notifications closed as poison": (
            balance.failed["poison"] > 0 and not case.poison
        ),
    }
    return [text for text, missed in bars.items() if missed]
