"""Plays cases one after the other; one that needs a network of its own is played there by another process."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from services.cli.local.errors import LocalStackError
from services.cli.local.places import ROOT
from tests.chaos.case import Case, Outcome
from tests.chaos.running import Run, run
from tests.chaos.stage import Servers, fleet, servers

START_AND_STOP: Final = timedelta(minutes=2)
LOOPBACK_UP: Final = 'ip link set lo up && exec "$0" "$@"'

Say = Callable[[str, Outcome], None]


def play(cases: Sequence[Case], of: Run, say: Say) -> dict[str, Outcome]:
    """Every case; in the short form those with the same setup share their processes."""
    shutil.rmtree(of.folder, ignore_errors=True)
    of.folder.mkdir(parents=True)
    outcomes: dict[str, Outcome] = {}
    with servers(of.folder) as running:
        for number, (_, group) in enumerate(groupby(cases, lambda case: case.setup.stack if of.short else case.name)):
            outcomes |= together(list(group), running, of, of.folder / f"fleet-{number}", say)
    return outcomes


def together(cases: Sequence[Case], running: Servers, of: Run, folder: Path, say: Say) -> dict[str, Outcome]:
    """Cases that can use the same processes; what cannot be played fails, and says why."""
    outcomes: dict[str, Outcome] = {}
    for case in cases:
        if why := _cannot(case):
            outcomes[case.name] = Outcome(None, (why,))
        elif case.own_network:
            outcomes[case.name] = _apart(case, of)
        if case.name in outcomes:
            say(case.name, outcomes[case.name])
    left = [case for case in cases if case.name not in outcomes]
    if left:
        outcomes |= _in_one_stack(left, running, of, folder, say)
    if all(outcome.good for outcome in outcomes.values()):
        shutil.rmtree(folder, ignore_errors=True)  # 50,000 requests are 60 MB of log
    return outcomes


def _in_one_stack(cases: Sequence[Case], running: Servers, of: Run, folder: Path, say: Say) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    try:
        with fleet(running, cases[0].setup.stack, folder) as processes:
            for case in cases:
                outcomes[case.name] = asyncio.run(run(case, processes, running, of))
                say(case.name, outcomes[case.name])
    except LocalStackError as error:
        for case in cases:
            if case.name not in outcomes:
                outcomes[case.name] = Outcome(None, (str(error),))
                say(case.name, outcomes[case.name])
    return outcomes


def _cannot(case: Case) -> str:
    absent = [file for file in case.needs if not Path(file).exists()]
    return f"cannot be played here: no {', '.join(absent)}" if absent else ""


def _apart(case: Case, of: Run) -> Outcome:
    """In a network namespace where nothing but its own loopback is."""
    folder = of.folder / f"own-network-{case.name}"
    answer = folder.with_suffix(".outcome")
    command = [
        *("unshare", "--net", "sh", "-c", LOOPBACK_UP, sys.executable, "-m", "tests.chaos.apart"),
        *(case.name, str(folder), str(answer), str(of.devices), str(of.seed), str(int(of.short))),
    ]
    patience = timedelta(seconds=case.limit) + START_AND_STOP
    said = folder.with_suffix(".log")
    with said.open("wb") as log:
        child = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603  # every argument is ours
        try:
            child.wait(patience.total_seconds())
        except subprocess.TimeoutExpired:
            return Outcome(None, (f"did not end in {patience}",))
        finally:
            _end(child)
    if not answer.exists():
        return Outcome(None, (f"no network of its own: {said.read_text('utf-8', 'replace').strip()[-300:]}",))
    return Outcome.parsed(json.loads(answer.read_text("utf-8")))


def _end(child: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that it takes its servers and processes along."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(START_AND_STOP.total_seconds())
        except subprocess.TimeoutExpired:
            child.kill()
