"""The yardstick on aioapns, held in bounds: what it is known to do badly stays inside one connection."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.delivery.transport import through_aioapns
from services.delivery.transport.contract import Parcel, Results
from services.delivery.transport.through_aioapns import AioapnsTransport, open_aioapns
from shared.flow.verdict import OutcomeUnknown
from shared.providers.contract import Origin, Requests
from tests.integration.simulator.apns_rig import BUNDLE, SIGNER, Rig, rigged

pytestmark = pytest.mark.anyio
JWT = SIGNER.jwt()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as running:
        yield running


@pytest.fixture
async def transport(rig: Rig, tmp_path: Path) -> AsyncIterator[AioapnsTransport]:
    path = tmp_path / "ca.pem"
    rig.authority.write(path)
    async with open_aioapns(path) as opened:
        yield opened


def parcel(rig: Rig, count: int, expiration: str | None = None) -> Parcel:
    """So many requests to as many devices that the simulator knows."""
    tokens = [secrets.token_hex(32) for _ in range(count)]
    for token in tokens:
        rig.register(token)
    origin = Origin("127.0.0.1", rig.servers["apns.production"].port, "team", warm_up=True)
    headers = [("authorization", f"bearer {JWT}"), ("apns-topic", BUNDLE), ("apns-push-type", "alert")]
    headers += [("apns-expiration", expiration)] if expiration is not None else []
    paths = [f"/3/device/{token}" for token in tokens]
    return Parcel(origin, tuple(headers), Requests(count, paths, b'{"aps": {"alert": "hello"}}'))


async def sent(transport: AioapnsTransport, one: Parcel) -> Results:
    (results,) = await transport.send([one])
    return results


async def test_from_a_cold_start_it_goes_on_to_as_many_streams_as_the_peer_allows(
    rig: Rig, transport: AioapnsTransport
) -> None:
    rig.knobs(latency={"median": 0.1}, stream_excess="goaway")
    began = time.perf_counter()
    assert (await sent(transport, parcel(rig, 400))).ok == 400
    assert time.perf_counter() - began < 15  # two at a time, as aioapns alone, would be 20 s
    assert len({one["connection"] for one in rig.requests()}) == 1


async def test_a_stream_that_is_reset_is_an_unknown_outcome_and_holds_up_no_other(
    rig: Rig, transport: AioapnsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through_aioapns, "REQUEST_TIMEOUT", timedelta(seconds=0.5))
    one = parcel(rig, 20)
    first = str(one.requests.one(0).path).rpartition("/")[2]
    rig.apns.change_token(first, {"script": [{"drop": "reset"}]})
    async with asyncio.timeout(10):
        results = await sent(transport, one)
    assert results.ok == 19
    assert results.others == [(0, OutcomeUnknown("timeout"))]
    assert (await sent(transport, parcel(rig, 3))).ok == 3


async def test_the_expiration_goes_out_as_it_was_given(rig: Rig, transport: AioapnsTransport) -> None:
    rig.knobs(latency={"median": 1.1})  # long enough for the second to change
    await sent(transport, parcel(rig, 2, expiration="0"))
    sent_headers = [dict(map(tuple, one["headers"])) for one in rig.requests()]
    assert [one["apns-expiration"] for one in sent_headers] == ["0", "0"]


async def test_a_lost_connection_is_an_unknown_outcome_and_the_next_request_has_a_new_one(
    rig: Rig, transport: AioapnsTransport
) -> None:
    one = parcel(rig, 1)
    rig.apns.change_token(str(one.requests.one(0).path).rpartition("/")[2], {"script": [{"drop": "close"}]})
    assert (await sent(transport, one)).others == [(0, OutcomeUnknown("connection_lost"))]
    assert (await sent(transport, parcel(rig, 2))).ok == 2
