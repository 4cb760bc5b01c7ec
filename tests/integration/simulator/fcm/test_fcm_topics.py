"""F19 and F20: who is subscribed to what, and how a topic message reaches them."""

import asyncio

import pytest

from services.simulator.fcm.project import Project
from tests.integration.simulator.fcm.running import PROJECT, Firebase, detail, error, token

pytestmark = pytest.mark.anyio

LEGACY_READ = {"access_token_auth": "true"}


async def batch(firebase: Firebase, tokens: list[str], operation: str = "batchAdd", to: str = "/topics/news") -> object:
    answer = await firebase.post(f"/iid/v1:{operation}", {"to": to, "registration_tokens": tokens}, LEGACY_READ)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def test_f19_each_token_gets_its_own_result_in_order(firebase: Firebase) -> None:
    tokens = [
        firebase.device("a"),
        firebase.device("dead", state="unregistered"),
        "no such form",
        token("stranger"),
        firebase.device("foreign", state="other_project"),
    ]
    errors = [{}, *({"error": code} for code in ("NOT_FOUND", "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"))]
    assert await batch(firebase, tokens) == errors
    assert firebase.fcm.world.registry.by_token[token("a")].topics == {"news"}
    assert await batch(firebase, [token("a")], "batchRemove") == [{}]
    assert firebase.fcm.world.registry.by_token[token("a")].topics == frozenset()


async def test_f19_too_many_topics_is_a_tokens_own_error(firebase: Firebase) -> None:
    device = firebase.device("a", topics=[f"t{n}" for n in range(2000)])
    assert await batch(firebase, [device]) == [{"error": "TOO_MANY_TOPICS"}]
    assert await batch(firebase, [device], to="t5") == [{}]


async def test_f19_more_than_a_thousand_tokens_are_refused_as_a_whole(firebase: Firebase) -> None:
    body = {"to": "/topics/news", "registration_tokens": ["x"] * 1001}
    answer = await firebase.post("/iid/v1:batchAdd", body, LEGACY_READ)
    assert (answer.status_code, answer.json()) == (400, {"error": "INVALID_ARGUMENT"})
    body["registration_tokens"] = ["x"] * 1000
    assert (await firebase.post("/iid/v1:batchAdd", body, LEGACY_READ)).status_code == 200


async def test_f19_without_access_token_auth_the_bearer_is_no_credential(firebase: Firebase) -> None:
    body = {"to": "/topics/news", "registration_tokens": [firebase.device("a")]}
    answer = await firebase.post("/iid/v1:batchAdd", body)
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
    assert (await firebase.post("/iid/v1:batchAdd", body, LEGACY_READ)).status_code == 200


async def test_f19_calls_have_a_rate_too(firebase: Firebase) -> None:
    firebase.knobs(topic_requests_per_second=0)
    body = {"to": "/topics/news", "registration_tokens": [firebase.device("a")]}
    answer = await firebase.post("/iid/v1:batchAdd", body, LEGACY_READ)
    assert (answer.status_code, answer.json()) == (429, {"error": "RESOURCE_EXHAUSTED"})


async def test_f19_a_single_subscription_and_the_details_of_a_token(firebase: Firebase) -> None:
    device = firebase.device("a", package="org.example.app")
    assert (await firebase.post(f"/iid/v1/{device}/rel/topics/news", {}, LEGACY_READ)).status_code == 200
    told = (await firebase.get(f"/iid/info/{device}?details=true", LEGACY_READ)).json()
    assert (told["platform"], told["application"], list(told["rel"]["topics"])) == (
        "ANDROID",
        "org.example.app",
        ["news"],
    )
    assert (await firebase.get(f"/iid/info/{token('x')}", LEGACY_READ)).status_code == 404


async def test_f19_the_v1_subscriptions_answer_in_google_rpc(firebase: Firebase) -> None:
    path = f"/v1/projects/{PROJECT}/registrations/{firebase.device('a')}/topicSubscriptions"
    assert (await firebase.post(f"{path}?topic_name=news", {})).status_code == 200
    assert error(await firebase.post(f"{path}?topic_name=news", {})) == (409, "ALREADY_EXISTS", "")
    headers = {"authorization": f"Bearer {firebase.bearer}"}
    assert (await firebase.client.delete(f"{path}/news", headers=headers)).status_code == 200
    assert error(await firebase.client.delete(f"{path}/news", headers=headers)) == (404, "NOT_FOUND", "")
    stranger = f"/v1/projects/{PROJECT}/registrations/{token('x')}/topicSubscriptions?topic_name=news"
    assert error(await firebase.post(stranger, {})) == (404, "NOT_FOUND", "UNREGISTERED")


async def test_f20_a_topic_message_reaches_its_subscribers_after_it_was_accepted(firebase: Firebase) -> None:
    firebase.knobs(fanout_per_second=0.001)
    for name in "abc":
        firebase.device(name, topics=["news"])
    firebase.device("d", topics=["sports"])
    answer = await firebase.send({"topic": "news", "notification": {"title": "t"}})
    assert answer.json()["name"].rpartition("/")[2].isdecimal()
    assert [len(firebase.shown(token(name))) for name in "abcd"] == [0, 0, 0, 0]
    firebase.advance(seconds=1001)
    assert sum(len(firebase.shown(token(name))) for name in "abc") == 1
    firebase.advance(seconds=2000)
    assert [len(firebase.shown(token(name))) for name in "abcd"] == [1, 1, 1, 0]


async def test_f20_fan_out_goes_on_by_itself(firebase: Firebase) -> None:
    device = firebase.device("a", topics=["news"])
    await firebase.send({"topic": "news"})
    for _ in range(40):
        if firebase.shown(device):
            break
        await asyncio.sleep(0.05)
    assert len(firebase.shown(device)) == 1


async def test_f20_leaving_the_topic_does_not_take_a_running_fan_out_back(firebase: Firebase) -> None:
    firebase.knobs(fanout_per_second=0.001)
    device = firebase.device("a", topics=["news"])
    await firebase.send({"topic": "news"})
    await batch(firebase, [device], "batchRemove")
    firebase.advance(seconds=1001)
    assert len(firebase.shown(device)) == 1


async def test_f20_a_condition_means_whom_it_says(firebase: Firebase) -> None:
    for name, topics in (("a", ["x"]), ("b", ["x", "y"]), ("c", ["y"]), ("d", [])):
        firebase.device(name, topics=topics)
    await firebase.send({"condition": "'x' in topics && !('y' in topics)"})
    await firebase.send({"condition": "!('x' in topics)"})
    firebase.advance(seconds=1)
    assert [len(firebase.shown(token(name))) for name in "abcd"] == [1, 0, 1, 1]


async def test_f20_too_many_fan_outs_at_once_are_a_topics_quota(firebase: Firebase) -> None:
    firebase.knobs(fanout_per_second=0.001, fanout_concurrent=2, quota_retry_after="none")
    firebase.device("a", topics=["news"])
    answers = [await firebase.send({"topic": "news"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert detail(answers[2], "google.rpc.QuotaFailure")["violations"][0]["subject"] == "topic:news"
    assert (await firebase.send({"token": token("a")})).status_code == 200


async def test_f20_a_dry_run_fans_out_to_nobody(firebase: Firebase) -> None:
    device = firebase.device("a", topics=["news"])
    assert (await firebase.send({"topic": "news"}, validate_only=True)).status_code == 200
    firebase.advance(seconds=10)
    assert firebase.shown(device) == []


async def test_f19_an_account_of_another_project_changes_nothing_here(firebase: Firebase) -> None:
    firebase.fcm.world.directory.add_project(Project(id="third"))
    device = firebase.device("a", project="third")
    assert await batch(firebase, [device]) == [{"error": "PERMISSION_DENIED"}]
