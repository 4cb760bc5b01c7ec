"""F2 and F3: whose bearer, which project; errors without an FcmError."""

import pytest

from services.simulator.fcm.project import Project
from services.simulator.fcm.service_account import make_service_account
from tests.integration.simulator.fcm.running import OTHER, PROJECT, Firebase, account_of, detail, error

pytestmark = pytest.mark.anyio

INFO = "google.rpc.ErrorInfo"


async def test_f2_without_a_bearer_the_credential_is_missing(firebase: Firebase) -> None:
    answer = await firebase.client.post(f"/v1/projects/{PROJECT}/messages:send", json={"message": {}})
    assert error(answer) == (401, "UNAUTHENTICATED", "")
    assert "missing required authentication credential" in answer.json()["error"]["message"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_f2_an_invalid_a_revoked_and_an_expired_bearer_are_401(firebase: Firebase) -> None:
    device, good = firebase.device("a"), firebase.bearer
    firebase.bearer = "ya29.made-up"
    answer = await firebase.send({"token": device})
    assert error(answer) == (401, "UNAUTHENTICATED", "")
    assert detail(answer, INFO)["reason"] == "ACCESS_TOKEN_TYPE_UNSUPPORTED"
    firebase.bearer = good
    firebase.advance(seconds=3600)
    assert error(await firebase.send({"token": device})) == (401, "UNAUTHENTICATED", "")
    firebase.fcm.clock.reset()
    assert (await firebase.send({"token": device})).status_code == 200
    firebase.fcm.world.tokens.revoke()
    assert error(await firebase.send({"token": device})) == (401, "UNAUTHENTICATED", "")


async def test_f2_authentication_is_judged_before_the_message(firebase: Firebase) -> None:
    firebase.bearer = "ya29.made-up"
    assert (await firebase.send({"nonsense": 1})).status_code == 401


async def test_f2_a_right_token_for_another_project_is_403_without_fcm_error(firebase: Firebase) -> None:
    answer = await firebase.send({"token": firebase.device("a")}, project=OTHER)
    assert error(answer) == (403, "PERMISSION_DENIED", "")
    assert answer.json()["error"]["message"].startswith("Permission 'cloudmessaging.messages.create' denied on")
    assert detail(answer, INFO)["reason"] == "IAM_PERMISSION_DENIED"


async def test_f2_an_account_without_a_sending_role_is_403(firebase: Firebase) -> None:
    account = account_of(PROJECT)[1]
    firebase.fcm.world.directory.add_account(account.model_copy(update={"roles": ("roles/viewer",)}))
    assert error(await firebase.send({"token": firebase.device("a")})) == (403, "PERMISSION_DENIED", "")


async def test_f2_a_scope_that_does_not_reach_and_an_api_that_is_off_are_403(firebase: Firebase) -> None:
    device = firebase.device("a")
    firebase.fcm.world.directory.add_project(Project(id=PROJECT, api_enabled=False))
    answer = await firebase.send({"token": device})
    assert (error(answer), detail(answer, INFO)["reason"]) == ((403, "PERMISSION_DENIED", ""), "SERVICE_DISABLED")
    firebase.bearer = await firebase.new_bearer(scope="https://www.googleapis.com/auth/drive")
    answer = await firebase.send({"token": device})
    assert (answer.status_code, detail(answer, INFO)["reason"]) == (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")


async def test_f3_a_project_goes_by_its_number_too(firebase: Firebase) -> None:
    project = firebase.fcm.world.directory.project(PROJECT)
    assert project is not None
    answer = await firebase.send({"token": firebase.device("a")}, project=project.number)
    assert answer.status_code == 200
    assert answer.json()["name"].startswith(f"projects/{PROJECT}/messages/0:")


async def test_f3_an_unknown_project_is_404_or_403_without_fcm_error(firebase: Firebase) -> None:
    device = firebase.device("a")
    assert error(await firebase.send({"token": device}, project="nowhere")) == (404, "NOT_FOUND", "")
    firebase.knobs(unknown_project=403)
    assert error(await firebase.send({"token": device}, project="nowhere")) == (403, "PERMISSION_DENIED", "")


async def test_f3_what_google_has_switched_off_is_a_page_and_not_json(firebase: Firebase) -> None:
    for path in ("/fcm/send", "/batch", f"/v1/projects/{PROJECT}/messages"):
        answer = await firebase.post(path, {"to": "x"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=UTF-8")


async def test_f2_a_service_account_that_is_made_here_can_send_at_once(firebase: Firebase) -> None:
    _, account = make_service_account("brand-new")
    firebase.fcm.world.directory.add_account(account)
    assert firebase.fcm.world.directory.project("brand-new") is not None
