"""How many requests are in flight by a route follows what its provider bears; a few stragglers hold up nobody."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from services.delivery.http2.batch import Batch
from services.delivery.http2.limit import FIRST, RECOVERING
from services.simulator.exchange import Answer, Drop, Request, Response
from shared.flow.verdict import OutcomeUnknown
from tests.integration.http2.provider import Provider, Rig, rigged

pytestmark = pytest.mark.anyio
LATENCY = 0.3
"""Seconds: long enough that what may be in flight is, also on a busy machine."""
RECENT = 0.5
PATIENCE = 60.0


class Watched(Provider):
    """Takes its time; says how many requests it had at once lately."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: Response | None = None
        self.latency: Callable[[int], float] = lambda _: LATENCY
        self._seen: deque[tuple[float, int]] = deque()

    def decide(self, request: Request) -> Answer:
        now, in_flight = monotonic(), request.connection.in_flight
        self._seen.append((now, in_flight))
        while now - self._seen[0][0] > RECENT:
            self._seen.popleft()
        good = super().decide(request)
        answer = self.wrong or good
        return replace(answer, after=self.latency(in_flight)) if isinstance(answer, Response) else answer

    def lately(self) -> int:
        """The most at once, of the last half a second; 0 if nothing came."""
        return max((count for at, count in self._seen if monotonic() - at <= RECENT), default=0)


async def until(holds: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < end
        await asyncio.sleep(0.05)


@asynccontextmanager
async def busy(rig: Rig) -> AsyncIterator[None]:
    """More to send than a route is trusted with, all the while."""

    async def sender(number: int) -> None:
        while True:
            await rig.engine.send([rig.parcel(300, first=300 * number)])

    tasks = [asyncio.create_task(sender(number)) for number in range(4)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    "wrong",
    [
        Response(503, (), b'{"reason":"ServiceUnavailable"}'),
        Response(429, (("retry-after", "30"),), b'{"reason":"TooManyRequests"}'),
    ],
    ids=["503", "429"],
)
async def test_a_provider_that_refuses_gets_one_at_a_time_and_more_again_when_it_is_well(
    tmp_path: Path, wrong: Response
) -> None:
    provider = Watched()
    async with rigged(provider, tmp_path) as rig, busy(rig):
        await until(lambda: provider.lately() > RECOVERING)
        provider.wrong = wrong
        await until(lambda: 0 < provider.lately() <= 2)
        provider.wrong = None
        await until(lambda: provider.lately() > FIRST / 2)


async def test_a_provider_that_is_slower_the_more_it_has_to_do_gets_less(tmp_path: Path) -> None:
    provider = Watched()
    async with rigged(provider, tmp_path) as rig, busy(rig):
        await until(lambda: provider.lately() > FIRST / 2)
        provider.latency = lambda in_flight: in_flight / 100
        await until(lambda: 0 < provider.lately() < FIRST / 3)


async def test_a_new_route_is_not_given_all_at_once(tmp_path: Path) -> None:
    provider = Watched()
    provider.latency = lambda _: 0.3
    async with rigged(provider, tmp_path, scale=1) as rig:
        assert set(await rig.outcomes(rig.parcel(2000))) == {200}
    assert FIRST / 2 < provider.most_in_flight <= FIRST


class Holes(Provider):
    """One request in a hundred is never answered, or answered late."""

    def __init__(self, late: float | None = None) -> None:
        super().__init__()
        self._late = late

    def decide(self, request: Request) -> Answer:
        if int(request.path.rsplit("/", 1)[1], 16) % 100 != 7:
            return super().decide(request)
        good = super().decide(request)
        assert isinstance(good, Response)
        return Drop.BLACK_HOLE if self._late is None else replace(good, after=self._late)


async def test_whoever_may_goes_on_without_the_last_few_and_learns_of_them_later(tmp_path: Path) -> None:
    provider = Holes(late=3)
    async with rigged(provider, tmp_path) as rig:
        first, second = await rig.engine.send_most([rig.parcel(300), rig.parcel(50, first=300)])
        assert (first.ok, first.open, first.others) == (297, [7, 107, 207], [])
        assert (second.ok, second.open) == (49, [7])
        assert sum(first.latency) == 297
        late = await first.whole()
        assert (late.ok, late.others, sum(late.latency)) == (300, [], 300)
        assert (await second.whole()).ok == 50
    assert set(provider.delivered.values()) == {1}


async def test_the_last_few_have_each_their_outcome_also_when_everything_ends(tmp_path: Path) -> None:
    async with rigged(Holes(), tmp_path) as rig:
        (found,) = await rig.engine.send_most([rig.parcel(300)])
        assert found.later is not None
        assert not found.later.done()
        assert (await rig.outcomes(rig.parcel(7))) == [200] * 7, "others go on meanwhile"
    assert (await found.later).others == [(n, OutcomeUnknown("closing")) for n in (7, 107, 207)]


async def test_stragglers_do_not_make_a_route_look_silent(tmp_path: Path) -> None:
    async with rigged(Holes(), tmp_path) as rig:
        found = await rig.engine.send_most([rig.parcel(3000)])
        assert len(found[0].open) == 30
        await asyncio.sleep(1)
        assert rig.engine.quiet(rig.origin) == 0


async def swallow(rig: Rig, batch: Batch) -> None:
    """Given to a provider that does not answer, until all is given up: a route is quiet for no longer than that."""
    began, given = monotonic(), rig.engine.submit(rig.origin, batch)
    await until(lambda: given.done() or rig.engine.quiet(rig.origin) > 0)
    assert rig.engine.quiet(rig.origin) <= monotonic() - began
    await given
    assert len(batch.failures) == batch.count
    assert rig.engine.quiet(rig.origin) == 0


async def test_a_route_is_tried_again_once_all_that_waited_was_given_up(tmp_path: Path) -> None:
    class Mute(Provider):
        mute = True

        def decide(self, request: Request) -> Answer:
            return Drop.BLACK_HOLE if self.mute else super().decide(request)

    def batch(timeout: float) -> Batch:
        return Batch(32, (), [b"/3/device/%x" % n for n in range(32)], b"{}", timeout=timeout)

    provider = Mute()
    async with rigged(provider, tmp_path) as rig:
        await swallow(rig, batch(1.0))
        await swallow(rig, batch(1.0))
        provider.mute = False
        answered = batch(30.0)
        await rig.engine.submit(rig.origin, answered)
        assert answered.delivered == 32


async def test_of_a_provider_that_answers_nothing_nobody_waits_for_long(tmp_path: Path) -> None:
    class Hole(Provider):
        def decide(self, request: Request) -> Answer:
            del request
            return Drop.BLACK_HOLE

    async with rigged(Hole(), tmp_path) as rig:
        waiting = asyncio.create_task(rig.engine.send_most([rig.parcel(20)]))
        done, _ = await asyncio.wait({waiting}, timeout=2.5)
        assert not done
        assert rig.engine.quiet(rig.origin) >= 2
        (found,) = await waiting
        assert (found.ok, found.others, found.open) == (0, [], list(range(20)))
        assert found.later is not None
        assert not found.later.done()
    assert (await found.later).others == [(n, OutcomeUnknown("closing")) for n in range(20)]
