"""The engine against every server in every situation: one outcome for each request, counted by both ends."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.delivery.http2.batch import Batch
from services.delivery.http2.engine import Engine, open_engine
from services.simulator.certificates import Authority
from shared.flow.verdict import Answer, NotProcessed, Outcome, OutcomeUnknown
from shared.providers.contract import Origin
from tests.installed import program
from tests.interop.engine.demand import DEAD_BODY, DEAD_OF_TEN, REFUSED_OF_TEN, RESET_OF_TEN, Served, path
from tests.interop.engine.far_end import FarEnd, running
from tests.interop.engine.table import ALL, CELLS, NOT_TO_BE_HAD, REQUESTS, SITUATIONS, Cell, Situation
from tests.interop.engine.wire import watched

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60, func_only=True)]  # installing servers may take longer

SERVERS = ("nginx", "nghttpd", "node")
SMALL_BODY = b'{"aps":{"alert":"hello"}}'
ROUNDS = 200
SHARED = ((b"apns-topic", b"com.example.app"), (b"content-type", b"application/json"))


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    """Brought before the clock of the first cell starts. A server that cannot be had fails every test here."""
    for name in SERVERS:
        program(name)


@dataclass
class Carried:
    """What the engine says of the requests in the end, by number."""

    answers: dict[int, int] = field(default_factory=dict)
    """Their statuses."""
    repeated: set[int] = field(default_factory=set)
    """Certainly not processed at least once."""
    unknown: dict[int, OutcomeUnknown] = field(default_factory=dict)

    def take(self, number: int, outcome: Outcome) -> None:
        match outcome:
            case Answer():
                assert outcome.body == DEAD_BODY or outcome.body.endswith(b"</html>"), outcome  # nghttpd's own page
                self.answers[number] = outcome.status
            case NotProcessed():
                self.repeated.add(number)
            case OutcomeUnknown():
                self.unknown[number] = outcome


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_each_request_has_one_outcome_and_each_answer_is_in_the_servers_book_once(
    cell: Cell, authority: Authority, tmp_path: Path
) -> None:
    authority.write(tmp_path / "ca.pem")
    with running(cell.server, cell.situation.demand, authority, tmp_path) as far, watched() as wire:
        async with open_engine(tmp_path / "ca.pem", environ={}, scale=100) as engine:
            carried = await _carry(engine, far, cell)
        book = far.served()
    _compare(cell, carried, book)
    assert cell.situation.shows(wire), (wire.kinds, wire.settings, wire.pauses)


def test_a_cell_that_cannot_be_had_says_why() -> None:
    assert len(CELLS) + len(NOT_TO_BE_HAD) == len(ALL)
    assert all(len(reason) > 20 for reason in NOT_TO_BE_HAD.values())
    assert len(SITUATIONS) == 10


async def _carry(engine: Engine, far: FarEnd, cell: Cell) -> Carried:
    async with asyncio.TaskGroup() as group:
        if cell.situation.slow:
            group.create_task(far.read_slowly())
        return await _repeating(engine, Origin("localhost", far.port, "team"), cell.situation)


async def _repeating(engine: Engine, origin: Origin, situation: Situation) -> Carried:
    """Sends; what certainly was not processed goes again at once."""
    carried, waiting = Carried(), list(range(REQUESTS))
    for _ in range(ROUNDS):
        batch = _batch(waiting, situation, again=len(waiting) < REQUESTS)
        await engine.submit(origin, batch)
        ended = dict(batch.failures)
        assert len(ended) == len(batch.failures)
        assert batch.delivered + len(ended) == len(waiting)
        carried.answers |= {number: 200 for at, number in enumerate(waiting) if at not in ended}
        for at, outcome in ended.items():
            carried.take(waiting[at], outcome)
        waiting = [waiting[at] for at, outcome in ended.items() if isinstance(outcome, NotProcessed)]
        if not waiting:
            return carried
    raise AssertionError(f"{len(waiting)} requests were never processed: {set(ended.values())}")


def _batch(numbers: list[int], situation: Situation, *, again: bool) -> Batch:
    bodies = [_large(situation, number) for number in numbers] if situation.body else SMALL_BODY
    timeout = 0.5 if situation.loses else 20
    return Batch(len(numbers), SHARED, [path(number) for number in numbers], bodies, fresh=again, timeout=timeout)


def _large(situation: Situation, number: int) -> bytes:
    return b"x" * (situation.body - number % 100)


def _compare(cell: Cell, carried: Carried, book: list[Served]) -> None:
    served = {row.number: row.status for row in book if row.status}
    assert len(served) == sum(1 for row in book if row.status)
    if cell.situation.loses:
        assert carried.answers.items() <= served.items()
        assert set(served) <= set(carried.answers) | set(carried.unknown)
        return
    broken = _broken(cell)
    assert carried.unknown == broken
    assert carried.answers == served == {n: _status(cell, n) for n in range(REQUESTS) if n not in broken}
    assert Counter(row.number for row in book if not row.status) == dict.fromkeys(broken, 1)
    resets = cell.situation.demand.resets
    if cell.situation.body and not resets:
        assert {row.number: row.size for row in book} == {n: len(_large(cell.situation, n)) for n in range(REQUESTS)}
    if cell.situation.demand.goaway_after:
        assert carried.repeated
    else:
        refused = {n for n in range(REQUESTS) if resets and cell.server.refuses and n % 10 == REFUSED_OF_TEN}
        assert carried.repeated == refused


def _status(cell: Cell, number: int) -> int:
    return cell.server.gone if number % 10 == DEAD_OF_TEN else 200


def _broken(cell: Cell) -> dict[int, OutcomeUnknown]:
    """What must be unknown: the requests whose streams the server resets with an error."""
    if not cell.situation.demand.resets or cell.server.breaks is None:
        return {}
    return {n: OutcomeUnknown(cell.server.breaks) for n in range(REQUESTS) if n % 10 == RESET_OF_TEN}
