"""The engine against the simulator's listener: limits, GOAWAY, resets, deadlines, growth, replacement."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from services.delivery.http2.batch import Batch
from services.delivery.transport.contract import Parcel
from services.simulator.exchange import Answer, Connection, Drop, Request, Reset, Response, Then
from shared.flow.lane import Lane
from shared.flow.verdict import Answer as Answered
from shared.flow.verdict import ConnectionTrouble, NotProcessed, OutcomeUnknown
from tests.integration.http2.provider import Provider, Rig, rigged

pytestmark = pytest.mark.anyio


async def test_every_device_is_delivered_to_once(tmp_path: Path) -> None:
    provider = Provider()
    async with rigged(provider, tmp_path) as rig:
        results = await rig.engine.send([rig.parcel(700), rig.parcel(300, first=700)])
        assert [one.ok for one in results] == [700, 300]
        assert [sum(one.latency) for one in results] == [700, 300]
    assert len(provider.delivered) == 1000
    assert set(provider.delivered.values()) == {1}
    assert len(provider.connections) == 1


class GoingAway(Provider):
    """GOAWAY after every 50 answers; what is in flight below it is still answered."""

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  # the handler's interface
        if request.connection.requests % 50 == 0:
            request.connection.goaway()


async def test_goaway_after_every_50_answers_loses_and_doubles_nothing(tmp_path: Path) -> None:
    provider = GoingAway()
    async with rigged(provider, tmp_path) as rig:
        waiting = list(range(10_000))
        for _ in range(400):
            parcels = (
                [rig.parcel(1, first=n, fresh=True) for n in waiting] if len(waiting) < 10 else [_some(rig, waiting)]
            )
            results = await rig.engine.send(parcels)
            again = []
            for at, one in enumerate(results):
                for n, outcome in one.others:
                    assert isinstance(outcome, NotProcessed), outcome
                    again.append(waiting[n if len(parcels) == 1 else at])
            waiting = again
            if not waiting:
                break
    assert not waiting
    assert len(provider.delivered) == 10_000
    assert sum(provider.delivered.values()) == 10_000
    assert len(provider.connections) >= 100


def _some(rig: Rig, numbers: list[int]) -> Parcel:
    parcel = rig.parcel(1)
    return replace(parcel, requests=rig.parcel(10_000).requests.pick(numbers), fresh=True)


class Dead(Provider):
    def decide(self, request: Request) -> Answer:  # noqa: ARG002  # every token
        return Response(
            410, (("content-type", "application/json"),), b'{"reason":"Unregistered","timestamp":1454402113000}'
        )


async def test_5000_dead_tokens_on_one_connection_finish(tmp_path: Path) -> None:
    provider = Dead()
    async with rigged(provider, tmp_path, connections=1) as rig:
        found = await rig.outcomes(rig.parcel(5000))
    assert len(provider.connections) == 1
    assert all(isinstance(one, Answered) and one.status == 410 and b"Unregistered" in one.body for one in found)


class Shrinking(Provider):
    """Drops to one stream after 100 answers, and back to 50 after 50 more, as APNs does after a rejected push."""

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  # the handler's interface
        if request.connection.requests == 100:
            request.connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        if request.connection.requests == 200:
            request.connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 50})


async def test_a_limit_that_drops_to_one_stream_is_kept_and_nothing_is_refused(tmp_path: Path) -> None:
    provider = Shrinking(max_concurrent_streams=100)
    async with rigged(provider, tmp_path, connections=1) as rig:
        assert set(await rig.outcomes(rig.parcel(400))) == {200}
    assert sum(provider.delivered.values()) == 400


class Silent(Provider):
    def decide(self, request: Request) -> Answer:
        return Drop.BLACK_HOLE if request.path.endswith("7") else super().decide(request)


async def test_a_request_without_an_answer_is_unknown_at_its_deadline_and_the_rest_goes_on(tmp_path: Path) -> None:
    provider = Silent()
    async with rigged(provider, tmp_path) as rig:
        batch = Batch(32, (), [b"/3/device/%x" % n for n in range(32)], b"{}", timeout=0.5)
        await rig.engine.submit(rig.origin, batch)
        assert dict(batch.failures) == {7: OutcomeUnknown("timeout"), 23: OutcomeUnknown("timeout")}
        assert (await rig.outcomes(rig.parcel(6))) == [200] * 6
    assert len(provider.connections) == 1


class Resetting(Provider):
    def decide(self, request: Request) -> Answer:
        last = int(request.path[-1], 16)
        return {1: Reset(ErrorCodes.REFUSED_STREAM), 2: Reset(ErrorCodes.INTERNAL_ERROR)}.get(
            last, super().decide(request)
        )


async def test_a_refused_stream_is_told_from_another_reset(tmp_path: Path) -> None:
    async with rigged(Resetting(), tmp_path) as rig:
        found = await rig.outcomes(rig.parcel(4))
    assert found == [200, NotProcessed("refused_stream"), OutcomeUnknown("reset_internal_error"), 200]


class RefusingOldConnections(Provider):
    def decide(self, request: Request) -> Answer:
        if request.connection.id == min(self.connections):
            return Reset(ErrorCodes.REFUSED_STREAM)
        return super().decide(request)


async def test_what_was_refused_goes_another_way_if_it_must_be_fresh(tmp_path: Path) -> None:
    provider = RefusingOldConnections()
    async with rigged(provider, tmp_path) as rig:
        assert await rig.outcomes(rig.parcel(5)) == [NotProcessed("refused_stream")] * 5
        assert await rig.outcomes(rig.parcel(5, fresh=True)) == [200] * 5
    assert len(provider.connections) == 2


class Dropping(Provider):
    """Takes the requests, then ends TCP before any answer."""

    def decide(self, request: Request) -> Answer:
        return Drop.CLOSE if len(self.connections) == 1 and request.path.endswith("5") else super().decide(request)


async def test_what_a_lost_connection_had_in_flight_is_unknown_and_what_waited_goes_on(tmp_path: Path) -> None:
    provider = Dropping(max_concurrent_streams=10)
    async with rigged(provider, tmp_path) as rig:
        found = await rig.outcomes(rig.parcel(40))
    unknown = [one for one in found if one != 200]
    assert 0 < len(unknown) <= 10
    assert set(unknown) == {OutcomeUnknown("connection_lost")}
    assert found[10:] == [200] * 30
    assert len(provider.connections) == 2


class WrongEnvironment(Provider):
    """As APNs treats a certificate of the other environment."""

    def opened(self, connection: Connection) -> None:
        connection.goaway(last_stream_id=0, debug=b'{"reason":"BadCertificateEnvironment"}', then=Then.CLOSE)


async def test_a_goaway_that_says_why_before_any_answer_is_no_reason_to_try_again_and_again(tmp_path: Path) -> None:
    provider = WrongEnvironment()
    async with rigged(provider, tmp_path, scale=1) as rig:
        for _ in range(20):
            assert set(await rig.outcomes(rig.parcel(10))) == {NotProcessed("BadCertificateEnvironment")}
    assert len(provider.connections) <= 6


class Slow(Provider):
    def decide(self, request: Request) -> Answer:
        answer = super().decide(request)
        return replace(answer, after=0.3) if isinstance(answer, Response) else answer


class Authenticating(Slow):
    """Like APNs: one stream until a request was accepted."""

    def __init__(self) -> None:
        super().__init__(max_concurrent_streams=1)

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  # the handler's interface
        if request.connection.requests == 1:
            request.connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 100})


async def test_the_first_request_goes_alone(tmp_path: Path) -> None:
    provider = Authenticating()
    async with rigged(provider, tmp_path, warm_up=True) as rig:
        assert set(await rig.outcomes(rig.parcel(200))) == {200}
    assert 1 < provider.most_in_flight <= 100


async def test_connections_grow_by_need_up_to_their_bound(tmp_path: Path) -> None:
    provider = Slow(max_concurrent_streams=5)
    async with rigged(provider, tmp_path, connections=2) as rig:
        assert set(await rig.outcomes(rig.parcel(60))) == {200}
    assert len(provider.connections) == 2


async def test_many_jobs_share_one_connection(tmp_path: Path) -> None:
    provider = Provider()
    async with rigged(provider, tmp_path) as rig:
        await asyncio.gather(*(rig.outcomes(rig.parcel(20, first=20 * n)) for n in range(50)))
    assert len(provider.connections) == 1
    assert sum(provider.delivered.values()) == 1000


async def test_the_lane_now_overtakes_bulk_that_waits(tmp_path: Path) -> None:
    provider = Slow(max_concurrent_streams=10)
    async with rigged(provider, tmp_path, connections=1) as rig:
        bulk = asyncio.create_task(rig.outcomes(rig.parcel(90)))
        await asyncio.sleep(0.1)
        assert await rig.outcomes(rig.parcel(1, first=1000, lane=Lane.NOW)) == [200]
        assert not bulk.done()
        assert set(await bulk) == {200}


class Frozen(Provider):
    """Reads nothing more after some requests, not even a PING."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def deaf(self, connection: Connection) -> bool:
        return connection.requests >= self._after and connection.id == min(self.connections)


async def test_a_connection_that_went_deaf_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.delivery.http2.connection.QUIET", 0.3)
    monkeypatch.setattr("services.delivery.http2.connection.PONG_WITHIN", 0.5)
    provider = Frozen(5)
    async with rigged(provider, tmp_path) as rig:
        assert set(await rig.outcomes(rig.parcel(5))) == {200}
        assert set(await rig.outcomes(rig.parcel(3))) == {OutcomeUnknown("no_pong")}
        assert set(await rig.outcomes(rig.parcel(3, first=10))) == {200}
    assert len(provider.connections) == 2


@pytest.mark.parametrize(
    "windows", [{"initial_window_size": 100}, {"initial_window_size": 2**20}, {"max_frame_size": 20_000}]
)
async def test_large_bodies_pass_through_any_windows(tmp_path: Path, windows: Mapping[str, int]) -> None:
    sizes = []

    class Measuring(Provider):
        def decide(self, request: Request) -> Answer:
            sizes.append(len(request.body))
            return super().decide(request)

    async with rigged(Measuring(**windows), tmp_path) as rig:
        assert set(await rig.outcomes(rig.parcel(50, body=b"x" * 40_000))) == {200}
    assert sizes == [40_000] * 50


async def test_nobody_listening_is_no_connection_and_the_next_ones_do_not_wait(tmp_path: Path) -> None:
    async with rigged(Provider(), tmp_path, scale=1) as rig:
        nowhere = replace(rig, origin=replace(rig.origin, port=1))
        unreachable = NotProcessed("no_connection", ConnectionTrouble.UNREACHABLE)
        for _ in range(3):
            assert await nowhere.outcomes(nowhere.parcel(3)) == [unreachable] * 3


async def test_a_batch_that_nobody_waits_for_is_not_written_any_more(tmp_path: Path) -> None:
    provider = Slow(max_concurrent_streams=2)
    async with rigged(provider, tmp_path, connections=1) as rig:
        dropped = asyncio.create_task(rig.outcomes(rig.parcel(50)))
        await asyncio.sleep(0.2)
        dropped.cancel()
        assert await rig.outcomes(rig.parcel(1, first=1000)) == [200]
    assert sum(provider.delivered.values()) < 10


async def test_what_is_not_written_in_time_certainly_was_not_processed(tmp_path: Path) -> None:
    provider = Slow(max_concurrent_streams=2)
    async with rigged(provider, tmp_path, connections=1) as rig:
        batch = Batch(50, (), [b"/3/device/%x" % n for n in range(50)], b"{}", patience=0.5)
        await rig.engine.submit(rig.origin, batch)
    assert {outcome for _, outcome in batch.failures} == {NotProcessed("not_written_in_time")}
    assert batch.delivered == sum(provider.delivered.values())


async def test_closing_leaves_no_request_without_an_outcome(tmp_path: Path) -> None:
    provider = Silent(max_concurrent_streams=4)
    async with rigged(provider, tmp_path) as rig:
        stuck = Batch(40, (), b"/3/device/7", [b"{}"] * 40)
        done = rig.engine.submit(rig.origin, stuck)
        while stuck.taken < 3:  # noqa: ASYNC110  # being written has no event
            await asyncio.sleep(0.05)
    await done
    found = [outcome for _, outcome in stuck.failures]
    assert len(found) == 40
    assert set(found) == {OutcomeUnknown("closing"), NotProcessed("closing")}
    assert found.count(OutcomeUnknown("closing")) == 3
