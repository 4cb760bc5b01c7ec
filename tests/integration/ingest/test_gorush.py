"""gorush's senders as they are: their request, their way to say who they are, their answer."""

import pytest

from shared.flow.send import Send
from tests.integration.ingest.conftest import Database
from tests.integration.ingest.tenant import Answer, Tenant, bearer

pytestmark = pytest.mark.anyio
IOS = {"tokens": ["AB" * 32, "cd" * 32], "platform": 1, "message": "Hello", "badge": 3}
ANDROID = {"tokens": ["t1"], "platform": 2, "message": "Hello", "title": "T", "data": {"n": 2}}


async def test_each_notification_is_a_send_and_the_answer_is_gorushs(tenant: Tenant, stored: Database) -> None:
    basic = ("anybody", tenant.app_secret)
    answer = await tenant.http.post("/api/push", json={"notifications": [IOS, ANDROID]}, auth=basic)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["success"], said["counts"], said["logs"], len(said["sends"])) == ("ok", 3, [], 2)
    first, second = (
        Send.model_validate_json(stored["sends"].find_one({"_id": f"{tenant.id}.{one}"})["body"])
        for one in said["sends"]
    )
    assert first.request.audience.tokens == {tenant.apns: ("ab" * 32, "cd" * 32)}
    assert (first.request.message.body, first.request.message.badge) == ("Hello", 3)
    assert second.request.audience.tokens == {tenant.fcm: ("t1",)}
    assert second.request.message.data == {"n": "2"}


async def test_a_notification_that_is_wrong_is_named_and_none_is_stored(idle: Tenant, stored: Database) -> None:
    wrong: list[tuple[Answer, str]] = [
        ({"platform": 3}, "/notifications/1/platform"),
        ({"to": "/topics/news"}, "/notifications/1/to"),
        ({"message": "x" * 4090}, "/notifications/1"),
        ({"colour": "red"}, "/notifications/1/colour"),
    ]
    for said, pointer in wrong:
        answer = await idle.post("/api/push", {"notifications": [ANDROID, {**IOS, **said}]})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    nothings: list[Answer] = [{}, {"notifications": []}]
    for nothing in nothings:
        assert (await idle.post("/api/push", nothing)).status_code == 422
    assert stored["sends"].count_documents({"app": idle.id}) == 0


async def test_who_says_nothing_or_something_else_is_not_let_in(idle: Tenant) -> None:
    body = {"notifications": [ANDROID]}
    for headers in ({}, {"Authorization": "Basic !"}, {"Authorization": "Basic bm9ib2R5"}, bearer("nobody")):
        assert (await idle.http.post("/api/push", json=body, headers=headers)).status_code == 401
    client = await idle.http.post("/api/push", json=body, auth=("x", idle.client_secret))
    assert client.status_code == 403
    elsewhere = await idle.http.get("/v1/sends", auth=("x", idle.app_secret))
    assert elsewhere.status_code == 401, "the key as a password opens the doors of others only"
