"""httpx over HTTP/2 gets from the simulated Firebase what the protocol reference says."""

import asyncio

import httpx
import pytest

from tests.integration.simulator.fcm.running import PROJECT, Firebase, error, running_firebase, token

pytestmark = pytest.mark.anyio

SCENE = {"active": 500, "unregistered": 30, "malformed": 20, "other_project": 10}


async def test_httpx_sends_hundreds_at_once_and_every_device_has_its_verdict() -> None:
    async with running_firebase() as firebase:
        wanted = _register(firebase)
        answers = await asyncio.gather(*(firebase.send({"token": name, "data": {"k": "v"}}) for name in wanted))
        assert {answer.http_version for answer in answers} == {"HTTP/2"}
        verdicts = {name: _verdict(answer) for name, answer in zip(wanted, answers, strict=True)}
        assert verdicts == wanted
        assert len({line["connection"] for line in firebase.logged(path=f"/v1/projects/{PROJECT}/messages:send")}) == 1


async def test_httpx_respects_the_stream_limit_so_that_no_goaway_comes() -> None:
    async with running_firebase() as firebase:
        firebase.knobs(latency={"median": 0.02})
        device = firebase.device("a", kind="ios")
        answers = await asyncio.gather(*(firebase.send({"token": device}) for _ in range(300)))
        assert {answer.status_code for answer in answers} == {200}


async def test_httpx_without_trust_in_our_authority_does_not_connect() -> None:
    async with running_firebase() as firebase, httpx.AsyncClient(http2=True, base_url=firebase.url) as stranger:
        with pytest.raises(httpx.ConnectError):
            await stranger.post("/token")


def _register(firebase: Firebase) -> dict[str, tuple[int, str]]:
    """Devices in every state; what each must be answered."""
    expected = {
        "active": (200, ""),
        "unregistered": (404, "UNREGISTERED"),
        "malformed": (400, "INVALID_ARGUMENT"),
        "other_project": (403, "SENDER_ID_MISMATCH"),
    }
    entries = [
        {"token": token(f"{state}{n}"), "project": PROJECT, "state": state}
        for state, count in SCENE.items()
        for n in range(count)
    ]
    firebase.fcm.import_tokens(entries)
    return {entry["token"]: expected[entry["state"]] for entry in entries}


def _verdict(answer: httpx.Response) -> tuple[int, str]:
    return (200, "") if answer.status_code == 200 else (answer.status_code, error(answer)[2])
