"""Every service through its life: before its broker and store, with them, without them for a while, and to its end.

One story in the order of the tests: a broker takes seconds to start, so all services share each of its moments.
"""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import httpx
import pytest
from rich.console import Console

from services.cli.api import Api, open_api
from services.cli.follow import follow
from services.cli.local.owned import wait_until
from services.cli.local.processes import ServiceProcess
from services.cli.local.servers import Server
from services.cli.local.services import INGEST, PLANNER, SIMULATOR, WAVES
from services.cli.local.stack import Stack
from services.cli.rehearsal.audience import FEWEST, SOLOIST, draw
from services.cli.rehearsal.ledger import read
from services.cli.rehearsal.performance import PERSONAL, requests
from services.cli.rehearsal.stage import Stage, set_stage
from shared.runtime.metrics import PREFIX, catalogue
from shared.runtime.version import VERSION

OURS = [entry.name for wave in WAVES for entry in wave if entry is not SIMULATOR]
DELIVERY = ("delivery-apns", "delivery-fcm")
SOON = timedelta(seconds=30)
AT_ONCE = timedelta(seconds=15)
DRAIN = timedelta(seconds=25)
"""CARILLON_DRAIN_SECONDS, as it is unless set."""
CHECKS = {"store": {"store", "mongodb"}, "broker": {"broker", "rabbitmq"}}
"""What /readyz calls them."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Services launched all at once; broker and store are not started yet."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    (stack.folder / "keys").mkdir(mode=0o700)
    try:
        stack.fleet.processes["simulator"].start()  # makes the CA; it needs neither broker nor store
        for name in OURS:
            stack.fleet.processes[name].launch()
        yield stack
    finally:
        stack.kill()


def get(process: ServiceProcess, path: str) -> httpx.Response:
    return httpx.get(process.url + path, timeout=10, trust_env=False)


def listening(process: ServiceProcess) -> bool:
    try:
        return get(process, "/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ask_all(stack: Stack, path: str) -> dict[str, httpx.Response]:
    """The answers of all services at once: one that misses something may take seconds to say so."""
    with ThreadPoolExecutor(len(OURS)) as threads:
        return dict(zip(OURS, threads.map(lambda name: get(stack.fleet.processes[name], path), OURS), strict=True))


def readiness(stack: Stack) -> dict[str, int]:
    """The status of /readyz by service; whatever it is, /healthz says that the process lives."""
    assert {name: answer.status_code for name, answer in ask_all(stack, "/healthz").items()} == dict.fromkeys(OURS, 200)
    return {name: answer.status_code for name, answer in ask_all(stack, "/readyz").items()}


def all_are(stack: Stack, status: int) -> bool:
    return wait_until(lambda: set(readiness(stack).values()) == {status}, SOON)


def only_missed(stack: Stack, which: str) -> bool:
    """Whether every service says that this is what it misses, and nothing else."""
    for answer in ask_all(stack, "/readyz").values():
        wrong = {name for name, told in answer.json()["checks"].items() if not told["ok"]}
        if len(wrong) != 1 or not wrong <= CHECKS[which]:
            return False
    return True


def test_started_before_broker_and_store_a_service_waits_and_says_so(stack: Stack) -> None:
    for name in OURS:
        process = stack.fleet.processes[name]
        assert wait_until(partial(listening, process), SOON), name
    assert readiness(stack) == dict.fromkeys(OURS, 503)


def test_one_that_still_waits_ends_at_once_and_well_when_asked_to(stack: Stack) -> None:
    waiting = [stack.fleet.another(entry.name) for entry in (INGEST, PLANNER)]
    for process in waiting:
        process.launch()
    for process in waiting:
        assert wait_until(partial(listening, process), SOON)
    began = time.monotonic()
    for process in waiting:
        process.ask_to_stop()
    assert [process.await_end() for process in waiting] == [0, 0]
    assert time.monotonic() - began < AT_ONCE.total_seconds()
    for process in waiting:
        del stack.fleet.processes[process.name]


def test_it_becomes_ready_when_they_come(stack: Stack) -> None:
    stack.store.start()
    assert readiness(stack) == dict.fromkeys(OURS, 503)  # one of them is not enough
    stack.broker.start()
    assert all_are(stack, 200)
    assert [stack.fleet.processes[name].alive() for name in OURS] == [True] * len(OURS)


@pytest.mark.parametrize("name", OURS)
def test_it_serves_the_whole_catalogue_of_metrics_and_its_version(stack: Stack, name: str) -> None:
    process = stack.fleet.processes[name]
    served = get(process, "/metrics")
    assert served.headers["content-type"].startswith("text/plain")
    described = {
        line.split()[2].removesuffix("_total") for line in served.text.splitlines() if line.startswith("# HELP")
    }
    assert {PREFIX + metric for metric in catalogue()} <= described
    assert get(process, "/version").json() == {"version": VERSION}


@pytest.mark.parametrize("which", ["store", "broker"])
def test_it_is_not_ready_while_one_of_them_is_away_and_ready_again_afterwards(stack: Stack, which: str) -> None:
    server: Server = {"store": stack.store, "broker": stack.broker}[which]
    before = {name: stack.fleet.processes[name].pid for name in OURS}
    server.kill()
    try:
        assert wait_until(lambda: only_missed(stack, which), SOON)
        assert readiness(stack) == dict.fromkeys(OURS, 503)
    finally:
        server.start()
    assert all_are(stack, 200)
    assert {name: stack.fleet.processes[name].pid for name in OURS} == before
    assert all(stack.fleet.processes[name].alive() for name in OURS)


@pytest.mark.anyio
async def test_what_is_in_flight_when_delivery_is_asked_to_stop_is_finished_once(stack: Stack) -> None:
    async with staged(stack) as (stage, control):
        await slow(control, 1.5)
        send = await stage.backend.send(requests()[PERSONAL])
        await in_flight(control)
        began = time.monotonic()
        ends = await asyncio.gather(*(asyncio.to_thread(stack.fleet.processes[name].stop) for name in DELIVERY))
        assert (ends, time.monotonic() - began < DRAIN.total_seconds()) == ([0, 0], True)
        final = await follow(stage.backend, {PERSONAL: send}, Console(file=io.StringIO()), SOON)
    assert (final[PERSONAL].report.total.planned, final[PERSONAL].report.total.delivered) == (2, 2)
    asked = read(stack.fleet.site.ca_file.parent, ("apns", "fcm"))
    assert sorted(one.token for one in asked) == sorted(device.token for device in stage.devices)


def test_every_other_ends_with_zero_too_before_its_deadline(stack: Stack) -> None:
    began = time.monotonic()
    ends = {name: code for name, code in stack.fleet.stop().items() if name not in DELIVERY}
    assert ends == {name: 0 for name in ("simulator", *OURS) if name not in DELIVERY}
    assert time.monotonic() - began < DRAIN.total_seconds()


@asynccontextmanager
async def staged(stack: Stack) -> AsyncIterator[tuple[Stage, Api]]:
    """An app with one device of each platform, and the simulators' control port."""
    both = [device for device in draw(FEWEST, 1) if device.user == SOLOIST]
    async with open_api(stack.fleet.api, stack.fleet.admin_key) as admin, open_api(stack.fleet.control) as control:
        yield await set_stage(admin, control, both, lambda _: None), control


async def slow(control: Api, seconds: float) -> None:
    for platform in ("apns", "fcm"):
        await control.call("PUT", f"/{platform}/knobs", {"latency": {"median": seconds}})


async def in_flight(control: Api) -> None:
    """Returns when both providers are at a notification."""
    async with asyncio.timeout(SOON.total_seconds()):
        for platform in ("apns", "fcm"):
            while not await _asked(control, platform):  # noqa: ASYNC110  # another process tells us nothing
                await asyncio.sleep(0.02)


async def _asked(control: Api, platform: str) -> bool:
    counts = (await control.call("GET", f"/{platform}/requests"))["requests"]
    return any(one.get("token") for one in counts)
