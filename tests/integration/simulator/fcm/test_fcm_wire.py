"""F13 to F16: streams, keep-alive, pages instead of JSON, lost answers, slowness."""

import asyncio
import time

import httpx
import pytest

from tests.integration.simulator.fcm.raw import burst, open_stream
from tests.integration.simulator.fcm.running import PROJECT, Firebase, error, token

pytestmark = pytest.mark.anyio


async def test_f13_a_hundred_streams_are_served_at_once(firebase: Firebase) -> None:
    firebase.knobs(latency={"median": 0.2})
    answers = await burst(firebase, firebase.device("a"), 100)
    assert answers.limit == 100
    assert list(answers.statuses.values()) == [200] * 100
    assert answers.goaway is None


async def test_f13_the_hundred_and_first_ends_the_connection_and_is_not_processed(firebase: Firebase) -> None:
    firebase.knobs(latency={"median": 0.2})
    device = firebase.device("a")
    answers = await burst(firebase, device, 110)
    assert answers.goaway is not None
    assert answers.goaway.additional_data == b"exceeded_max_concurrent_streams"
    assert answers.goaway.last_stream_id == 199
    assert sorted(answers.statuses) == list(range(1, 200, 2))  # what was taken in is answered
    assert len(firebase.shown(device)) == len(firebase.logged(token=device)) == 100


async def test_f13_http_1_1_keeps_a_connection_for_the_next_request(firebase: Firebase) -> None:
    trust = firebase.authority.client_context(("http/1.1",))
    async with httpx.AsyncClient(verify=trust, base_url=firebase.url) as client:
        firebase.client, h2_client = client, firebase.client
        for _ in range(3):
            answer = await firebase.send({"token": firebase.device("a")})
            assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
        firebase.client = h2_client
    lines = firebase.logged(token=token("a"))
    assert {line["protocol"] for line in lines} == {"http/1.1"}
    assert len({line["connection"] for line in lines}) == 1


async def test_f13_http_1_1_closes_a_connection_that_stays_silent(firebase: Firebase) -> None:
    firebase.knobs(idle_timeout=0.3)
    reader, writer = await open_stream(firebase, "http/1.1")
    writer.write(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    rest = await asyncio.wait_for(reader.read(), 5)  # to the end, which is the server's
    assert rest.endswith(b"</ins>\n")
    writer.close()


async def test_f13_the_simulated_clock_does_not_make_connections_idle(firebase: Firebase) -> None:
    device = firebase.device("a")
    await firebase.send({"token": device})
    firebase.advance(seconds=3000)
    await asyncio.sleep(0.6)
    await firebase.send({"token": device})
    assert len({line["connection"] for line in firebase.logged(token=device)}) == 1


@pytest.mark.parametrize("status", [404, 502, 503])
async def test_f14_a_front_end_answers_with_a_page(firebase: Firebase, status: int) -> None:
    firebase.knobs(faults=[{"share": 1.0, "status": status, "html": True}])
    answer = await firebase.send({"token": firebase.device("a")})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=UTF-8")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert firebase.shown(token("a")) == []


async def test_f14_faults_meet_their_share_and_bring_retry_after(firebase: Firebase) -> None:
    fault = {"share": 0.3, "status": 503, "reason": "UNAVAILABLE", "retry_after": "17"}
    firebase.knobs(seed=7, faults=[fault], device_per_minute=1000)
    device = firebase.device("a")
    answers = [await firebase.send({"token": device}) for _ in range(100)]
    failed = [answer for answer in answers if answer.status_code != 200]
    assert 15 <= len(failed) <= 45
    assert error(failed[0]) == (503, "UNAVAILABLE", "UNAVAILABLE")
    assert failed[0].headers["retry-after"] == "17"


async def test_f14_a_script_answers_for_one_token_and_then_it_is_over(firebase: Firebase) -> None:
    script = [
        {"status": 429, "reason": "QUOTA_EXCEEDED", "retry_after": "3", "times": 2},
        {"status": 500, "reason": "INTERNAL"},
        {"status": 401, "reason": "THIRD_PARTY_AUTH_ERROR", "apns": {"status": 403, "reason": "InvalidProviderToken"}},
        {"status": 400, "state": "FAILED_PRECONDITION", "message": "so it goes"},
    ]
    device = firebase.device("a", script=script)
    answers = [await firebase.send({"token": device}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [429, 429, 500, 401, 400, 200]
    assert error(answers[4]) == (400, "FAILED_PRECONDITION", "")
    assert answers[0].headers["retry-after"] == "3"


@pytest.mark.parametrize("http2", [True, False])
async def test_f15_an_answer_can_be_lost_after_the_message_was_processed(firebase: Firebase, http2: bool) -> None:  # noqa: FBT001
    firebase.knobs(lose_answer=1.0)
    device = firebase.device("a")
    trust = firebase.authority.client_context(("h2", "http/1.1") if http2 else ("http/1.1",))
    async with httpx.AsyncClient(http2=http2, verify=trust, base_url=firebase.url) as client:
        path, headers = f"/v1/projects/{PROJECT}/messages:send", {"authorization": f"Bearer {firebase.bearer}"}
        with pytest.raises(httpx.TransportError):
            await client.post(path, json={"message": {"token": device}}, headers=headers)
    [line] = firebase.logged(token=device)
    assert (line["status"], line["drop"]) == (200, "close")
    assert len(firebase.shown(device)) == 1
    assert firebase.fcm.ledger.devices()[0]["accepted"] == 1


async def test_f15_a_scripted_loss_concerns_one_request_alone(firebase: Firebase) -> None:
    device = firebase.device("a", script=[{"drop": "close", "processed": True}])
    with pytest.raises(httpx.TransportError):
        await firebase.send({"token": device})
    assert (await firebase.send({"token": device})).status_code == 200
    assert len(firebase.shown(device)) == 2


async def test_f16_answers_take_their_time_and_a_few_of_them_very_long(firebase: Firebase) -> None:
    firebase.knobs(latency={"median": 0.05, "tail_share": 0.2, "tail": 12.0})
    device = firebase.device("a")
    started = time.monotonic()
    sends = [asyncio.create_task(firebase.send({"token": device})) for _ in range(20)]
    done, slow = await asyncio.wait(sends, timeout=1.0)
    assert time.monotonic() - started >= 0.05
    assert done
    assert 1 <= len(slow) <= 10
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    assert len(firebase.shown(device)) == 20  # decided at once, told late


async def test_f16_a_black_hole_never_answers_and_processes_nothing(firebase: Firebase) -> None:
    device = firebase.device("a", script=[{"drop": "black_hole"}])
    with pytest.raises(httpx.ReadTimeout):
        await firebase.client.post(
            f"/v1/projects/{PROJECT}/messages:send",
            json={"message": {"token": device}},
            headers={"authorization": f"Bearer {firebase.bearer}"},
            timeout=0.3,
        )
    [line] = firebase.logged(token=device)
    assert (line["status"], line["drop"]) == (None, "black_hole")
    assert firebase.shown(device) == []
