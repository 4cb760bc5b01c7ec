"""IBM's senders as they are: their requests, their ways to say who they are, their answers and refusals."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shared.flow.send import Send
from tests.integration.ingest.conftest import ADMIN, Database
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
GRANT = "urn:ibm:params:oauth:grant-type:apikey"
HELLO: dict[str, Any] = {"message": {"alert": "Hello"}}
DOCUMENTED = "https://www.ng.bluemix.net/docs/troubleshoot/errors/mobilepush/index.html#"


def path(tenant: Tenant, *parts: str) -> str:
    return "/".join(("/imfpush/v1/apps", tenant.id, *parts))


async def post(tenant: Tenant, body: object, *parts: str, **headers: str) -> httpx.Response:
    headers = headers or {"appSecret": tenant.app_secret}
    return await tenant.http.post(path(tenant, *(parts or ("messages",))), json=body, headers=headers)


async def token(tenant: Tenant, key: str) -> httpx.Response:
    form = {"grant_type": GRANT, "response_type": "cloud_iam", "apikey": key}
    return await tenant.http.post("/identity/token", data=form, auth=("bx", "bx"))


def sent(stored: Database, tenant: Tenant, id_: str) -> Send:
    return Send.model_validate_json(stored["sends"].find_one({"_id": f"{tenant.id}.{id_}"})["body"])


async def test_a_message_is_a_send_and_the_answer_is_ibms(tenant: Tenant, stored: Database) -> None:
    body = {**HELLO, "settings": {"apns": {"badge": 3}}, "target": {"userIds": ["ada"]}}
    answer = await post(tenant, body)
    assert answer.status_code == 202, answer.text
    said = answer.json()
    assert said == {"message": body, "messageId": said["messageId"]}
    assert answer.headers["location"] == path(tenant, "messages", said["messageId"])
    request = sent(stored, tenant, said["messageId"]).request
    assert request.audience.users == ("ada",)
    assert (request.message.body, request.message.raw["apns"]["aps"]) == ("Hello", {"badge": 3})


async def test_of_many_messages_all_are_stored_or_none(tenant: Tenant, idle: Tenant, stored: Database) -> None:
    done = await post(tenant, [HELLO, {"message": {"alert": "Again"}}], "messages", "bulk")
    assert done.status_code == 202, done.text
    lines = done.json()["messages"]
    assert [one["alert"] for one in lines] == ["Hello", "Again"]
    for one in lines:
        assert sent(stored, tenant, one["messageId"]).request.audience.everyone
        assert one["href"] == path(tenant, "messages", one["messageId"])
        assert datetime.fromisoformat(one["createdTime"]).tzinfo == UTC
    wrong = {**HELLO, "target": {"platforms": ["A", "WEB_CHROME"]}}
    refused = await post(idle, [HELLO, wrong], "messages", "bulk")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/1/target/platforms/1")
    long = {"message": {"alert": "x" * 4090}, "target": {"platforms": ["A"]}}
    refused = await post(idle, [HELLO, long, HELLO], "messages", "bulk")
    assert (refused.status_code, len(refused.json()["errors"])) == (400, 1), refused.text
    assert refused.json()["errors"][0]["pointer"].startswith("/1")
    nothings: list[object] = [[], {}, [{}], [HELLO] * 1001]
    for nothing in nothings:
        assert (await post(idle, nothing, "messages", "bulk")).status_code == 400
    assert stored["sends"].count_documents({"app": idle.id}) == 0


WRONG: list[tuple[object, str, str]] = [
    ({}, "/message", "FPWSE0005E"),
    ({"message": {}}, "/message/alert", "FPWSE0005E"),
    ({**HELLO, "massage": 1}, "/massage", "FPWSE0006E"),
    ({**HELLO, "settings": {"apns": {"bagde": 1}}}, "/settings/apns/bagde", "FPWSE0006E"),
    ({**HELLO, "settings": {"apns": {"badge": -1}}}, "/settings/apns/badge", "FPWSE0005E"),
    ({**HELLO, "settings": {"apns": {"type": "LOUD"}}}, "/settings/apns/type", "FPWSE0005E"),
    ({**HELLO, "settings": {"gcm": {"priority": "urgent"}}}, "/settings/gcm/priority", "FPWSE0005E"),
    ({**HELLO, "settings": {"gcm": {"channelId": "news"}}}, "/settings/gcm/channelId", "FPWSE0005E"),
    ({**HELLO, "settings": {"chromeWeb": {"title": "x"}}}, "/settings/chromeWeb", "FPWSE0005E"),
    ({**HELLO, "settings": {"firefoxWeb": {}}}, "/settings/firefoxWeb", "FPWSE0005E"),
    ({**HELLO, "settings": {"safariWeb": {}}}, "/settings/safariWeb", "FPWSE0005E"),
    ({**HELLO, "settings": {"chromeAppExt": {}}}, "/settings/chromeAppExt", "FPWSE0005E"),
    ({**HELLO, "settings": {"wns": {}}}, "/settings/wns", "FPWSE0005E"),
    ({**HELLO, "target": {"platforms": ["W"]}}, "/target/platforms/0", "FPWSE0005E"),
    ({**HELLO, "target": {"userIds": ["a"], "tagNames": ["b"]}}, "/target", "FPWSE0005E"),
    ({**HELLO, "settings": {"apns": {"apnsCollapseId": "x" * 65}}}, "/settings/apns/apnsCollapseId", "FPWSE0005E"),
    ({"message": {"alert": "{{a}} and {% b"}}, "/message/alert", "FPWSE0005E"),
]


@pytest.mark.parametrize(("body", "pointer", "code"), WRONG, ids=[pointer for _, pointer, _ in WRONG])
async def test_what_is_wrong_is_named_in_ibms_words_and_nothing_is_stored(
    idle: Tenant, stored: Database, body: object, pointer: str, code: str
) -> None:
    answer = await post(idle, body)
    said = answer.json()
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert (said["code"], said["docUrl"]) == (code, DOCUMENTED + code)
    assert said["errors"][0]["pointer"] == pointer
    assert said["message"] == f"{pointer}: {said['errors'][0]['detail']}"
    assert stored["sends"].count_documents({"app": idle.id}) == 0


async def test_bytes_that_are_no_json_and_paths_that_lead_nowhere(idle: Tenant) -> None:
    headers = {"appSecret": idle.app_secret, "content-type": "application/json; charset = UTF-8"}
    answer = await idle.http.post(path(idle, "messages"), content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "FPWSE0004E")
    for some in ("x" * 20, "x"):
        gone = await idle.http.get(path(idle, "messages", some), headers=headers)
        assert (gone.status_code, gone.json()["code"]) == (404, "FPWSE0001E")
    elsewhere = await idle.http.post(f"/imfpush/v1/apps/{idle.id}.v0/messages", json=HELLO, headers=headers)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "FPWSE0001E")


async def test_who_may_send_and_who_may_not(tenant: Tenant, other: Tenant) -> None:
    assert (await post(tenant, HELLO, Authorization=f"Bearer {tenant.app_secret}")).status_code == 202
    wrong: list[dict[str, str]] = [
        {"appSecret": ""}, {"appSecret": "x"}, {"appSecret": tenant.client_secret}, {"appSecret": other.app_secret},
        {"clientSecret": tenant.app_secret}, {"appSecret": ADMIN}, bearer("x"),
        bearer(f"ibm.{tenant.id}.9999999999.00"), bearer(other.app_secret), bearer(ADMIN), {"x": "y"},
    ]  # fmt: skip
    for headers in wrong:
        answer = await post(tenant, HELLO, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED"), headers
        assert "www-authenticate" in answer.headers
    client = await post(tenant, HELLO, clientSecret=tenant.client_secret)
    assert (client.status_code, client.json()["code"]) == (403, "UNAUTHORIZED")


async def test_an_api_key_is_exchanged_for_a_token_that_dies_with_its_secret(tenant: Tenant, other: Tenant) -> None:
    for key in (tenant.app_secret, f"{tenant.id}.{tenant.app_secret}"):
        answer = await token(tenant, key)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["token_type"], said["scope"], said["refresh_token"]) == ("Bearer", "ibm openid", "not_supported")
        assert said["expires_in"] == 3600
        assert abs(said["expiration"] - 3600 - datetime.now(UTC).timestamp()) < 60
        assert (await post(tenant, HELLO, **bearer(said["access_token"]))).status_code == 202
    assert (await post(other, HELLO, **bearer(said["access_token"]))).status_code == 401
    rotate = f"/v1/apps/{tenant.id}/secrets/app"
    assert (await tenant.http.post(rotate, headers=bearer(ADMIN))).status_code == 201
    assert (await post(tenant, HELLO, **bearer(said["access_token"]))).status_code == 202, "as its secret does"
    assert (await tenant.http.post(rotate, headers=bearer(ADMIN))).status_code == 201
    assert (await post(tenant, HELLO, **bearer(said["access_token"]))).status_code == 401


async def test_no_token_without_a_key(tenant: Tenant, other: Tenant) -> None:
    for key in (
        "x",
        tenant.client_secret,
        f"{other.id}.{tenant.app_secret}",
        ADMIN,
        "as_x_\u00e4",
        "as_\ud7ff_\x00",
    ):
        answer = await token(tenant, key)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "BXNIM0415E"), key
        assert answer.json()["errorMessage"] == "Provided API key could not be found."
    forms: list[Any] = [b"", f"grant_type={GRANT}".encode(), b"\xff=%ff&x", b"{}"]
    for form in forms:
        refused = await tenant.http.post("/identity/token", content=form)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "BXNIM0109E"), form
    other_grant = await tenant.http.post("/identity/token", data={"grant_type": "password", "apikey": "x"})
    assert (other_grant.status_code, other_grant.json()["errorCode"]) == (400, "BXNIM0106E")
    large = await tenant.http.post("/identity/token", content=b"x" * 20_000)
    assert (large.status_code, large.json()["errorCode"]) == (413, "BXNIM0108E")


async def test_a_message_is_shown_listed_and_called_off(tenant: Tenant, other: Tenant) -> None:
    headers = {"appSecret": tenant.app_secret}
    ids = [(await post(tenant, {"message": {"alert": str(n), "url": "https://a"}})).json()["messageId"] for n in (1, 2)]
    one = (await tenant.http.get(path(tenant, "messages", ids[0]), headers=headers)).json()
    assert one["message"] == {"message": {"alert": "1", "url": "https://a"}}
    assert (one["messageId"], one["alert"], one["status"]) == (ids[0], "1", "ACCEPTED")
    listed = await tenant.http.get(path(tenant, "messages"), params={"size": "1"}, headers=headers)
    assert [line["messageId"] for line in listed.json()["messages"]] == [ids[1]]
    assert listed.json()["pageInfo"]["totalCount"] == 2
    assert listed.json()["pageInfo"]["next"] == f"{path(tenant, 'messages')}?offset=1&size=1"
    second = await tenant.http.get(listed.json()["pageInfo"]["next"], headers=headers)
    assert [line["messageId"] for line in second.json()["messages"]] == [ids[0]]
    for _ in range(2):
        removed = await tenant.http.delete(path(tenant, "messages", ids[0]), headers=headers)
        assert (removed.status_code, removed.content) == (204, b"")
    assert (await tenant.get(f"/v1/sends/{ids[0]}")).json()["order"] == "cancelled"
    theirs = {"appSecret": other.app_secret}
    assert (await other.http.get(path(other, "messages", ids[0]), headers=theirs)).status_code == 404
    assert (await other.http.delete(path(other, "messages", ids[0]), headers=theirs)).status_code == 404


async def test_a_header_that_cannot_be_read_is_no_fault_of_the_body(idle: Tenant) -> None:
    refused = await post(idle, HELLO, **{"appSecret": idle.app_secret, "Idempotency-Key": "a b"})
    assert (refused.status_code, refused.json()["code"]) == (400, "FPWSE0005E")
    nobody = await idle.http.get(path(idle, "messages"))
    assert (nobody.status_code, "appSecret" in nobody.json()["message"]) == (401, True)


async def test_a_repetition_with_the_same_key_is_one_message(tenant: Tenant, stored: Database) -> None:
    headers = {"appSecret": tenant.app_secret, "Idempotency-Key": "ibm-1"}
    answers = [await post(tenant, HELLO, **headers) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert stored["sends"].count_documents({"app": tenant.id}) == 1
    other = await post(tenant, {"message": {"alert": "Other"}}, **headers)
    assert (other.status_code, other.json()["code"]) == (409, "FPWSE0002E")


async def test_a_lifetime_beyond_a_day_is_the_sends_too(tenant: Tenant, stored: Database) -> None:
    for seconds, ttl in ((60, None), (200_000, 200_000)):
        body = {**HELLO, "settings": {"gcm": {"timeToLive": seconds}}}
        request = sent(stored, tenant, (await post(tenant, body)).json()["messageId"]).request
        assert request.ttl == ttl
        assert request.message.raw["fcm"]["android"] == {"priority": "HIGH", "ttl": f"{seconds}s"}
