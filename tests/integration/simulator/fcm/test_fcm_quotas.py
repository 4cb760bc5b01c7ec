"""F10 and F11: who has sent too much, and how it is told."""

import httpx
import pytest

from services.simulator.fcm.project import Project
from tests.integration.simulator.fcm.running import PROJECT, Firebase, detail, error, token

pytestmark = pytest.mark.anyio

EXHAUSTED = (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")


def between_refills(firebase: Firebase, *devices: str) -> None:
    """Moves the clock off the moments at which the buckets refill, so that none refills during a test's few sends."""
    for bucket in (
        firebase.fcm.world.quotas.project(_number(firebase)),
        *(bucket for device in devices for bucket in firebase.fcm.world.quotas.device(device)),
    ):
        if bucket.refills_in(firebase.fcm.world.now()) < 5:
            firebase.advance(seconds=5)


def subject(answer: httpx.Response) -> str:
    return str(detail(answer, "google.rpc.QuotaFailure")["violations"][0]["subject"])


async def test_f10_a_projects_minute_is_used_up_and_comes_back_whole(firebase: Firebase) -> None:
    firebase.knobs(project_per_minute=3)
    device = firebase.device("a")
    between_refills(firebase)
    answers = [await firebase.send({"token": device}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert (error(answers[-1]), subject(answers[-1])) == (EXHAUSTED, f"project:{PROJECT}")
    wait = int(answers[-1].headers["retry-after"])
    assert 1 <= wait <= 60
    firebase.advance(seconds=wait)
    assert [(await firebase.send({"token": device})).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_f10_the_refill_is_not_on_the_clocks_minute_and_the_seed_moves_it(firebase: Firebase) -> None:
    phases = {firebase.fcm.world.quotas.project(str(number)).phase for number in range(5)}
    assert len(phases) == 5


async def test_f10_client_errors_use_the_quota_up_and_429_does_not(firebase: Firebase) -> None:
    firebase.knobs(project_per_minute=3)
    wrong: list[dict[str, object]] = [
        {"token": firebase.device("dead", state="unregistered")},
        {"token": "?", "x": 1},
        {},
    ]
    between_refills(firebase)
    assert [(await firebase.send(message)).status_code for message in wrong] == [404, 400, 400]
    assert (await firebase.send({"token": firebase.device("a")})).status_code == 429
    assert firebase.fcm.world.quotas.project(_number(firebase)).used == 3


async def test_f10_our_own_failures_cost_the_project_nothing(firebase: Firebase) -> None:
    firebase.knobs(project_per_minute=1, faults=[{"share": 1.0, "status": 503, "reason": "UNAVAILABLE"}])
    device = firebase.device("a")
    assert [(await firebase.send({"token": device})).status_code for _ in range(3)] == [503, 503, 503]
    firebase.knobs(faults=[])
    assert (await firebase.send({"token": device})).status_code == 200


async def test_f10_retry_after_may_be_absent_or_fixed(firebase: Firebase) -> None:
    firebase.fcm.world.directory.add_project(Project(id=PROJECT, messages_per_minute=0))
    device = firebase.device("a")
    firebase.knobs(quota_retry_after="none")
    assert "retry-after" not in (await firebase.send({"token": device})).headers
    firebase.knobs(quota_retry_after=37)
    assert (await firebase.send({"token": device})).headers["retry-after"] == "37"


async def test_f11_a_device_has_a_rate_of_its_own_and_the_error_names_it(firebase: Firebase) -> None:
    firebase.knobs(device_per_minute=2)
    busy, calm = firebase.device("busy"), firebase.device("calm")
    between_refills(firebase, busy)
    answers = [await firebase.send({"token": busy}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (error(answers[-1]), subject(answers[-1])) == (EXHAUSTED, f"device:{busy}")
    assert (await firebase.send({"token": calm})).status_code == 200
    firebase.advance(seconds=60)
    assert (await firebase.send({"token": busy})).status_code == 200


async def test_f11_the_hour_counts_beside_the_minute(firebase: Firebase) -> None:
    firebase.knobs(device_per_minute=2, device_per_hour=3)
    device = firebase.device("busy")
    hour = firebase.fcm.world.quotas.device(device)[1]
    firebase.advance(seconds=hour.refills_in(firebase.fcm.world.now()))
    between_refills(firebase, device)
    firebase.bearer = await _fresh_bearer(firebase)
    assert [(await firebase.send({"token": device})).status_code for _ in range(2)] == [200, 200]
    firebase.advance(seconds=60)
    answers = [await firebase.send({"token": device}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "above 3 in 3600 s" in answers[1].json()["error"]["message"]
    assert int(answers[1].headers["retry-after"]) > 3000


async def _fresh_bearer(firebase: Firebase) -> str:
    now = int(firebase.fcm.world.now())
    return await firebase.new_bearer(iat=now, exp=now + 3600)


async def test_f11_an_apple_device_has_no_such_bucket(firebase: Firebase) -> None:
    firebase.knobs(device_per_minute=1)
    device = firebase.device("apple", kind="ios")
    assert [(await firebase.send({"token": device})).status_code for _ in range(3)] == [200, 200, 200]


async def test_f11_collapsible_messages_beyond_the_burst_are_delayed_and_not_rejected(firebase: Firebase) -> None:
    device = firebase.device("a")
    for number in range(23):
        message = {"token": device, "android": {"collapse_key": "score"}, "data": {"n": str(number)}}
        assert (await firebase.send(message)).status_code == 200
    assert len(firebase.shown(token("a"))) == 20
    firebase.advance(seconds=181)  # one per 3 minutes
    late = firebase.shown(token("a"))[20:]
    assert [(each["data"]["n"], each["waited_for"]) for each in late] == [("22", "throttled")]
    assert len(firebase.shown(token("a"), "replaced")) == 2


def _number(firebase: Firebase) -> str:
    project = firebase.fcm.world.directory.project(PROJECT)
    assert project is not None
    return project.number
