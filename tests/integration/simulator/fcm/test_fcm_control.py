"""What the control port does for Firebase, and what its log lets an outsider count."""

from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from services.simulator.control import control
from services.simulator.fcm.project import MESSAGING
from tests.integration.simulator.fcm.running import PROJECT, Firebase, account_of, error, token

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(firebase: Firebase) -> AsyncIterator[httpx.AsyncClient]:
    app = control([firebase.fcm], {"fcm": {}})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control/fcm") as client:
        yield client


async def test_f1_an_account_made_at_the_control_port_signs_in_and_out(
    firebase: Firebase, desk: httpx.AsyncClient
) -> None:
    made = await desk.post("/service-accounts/make", json={"project": "made", "token_uri": f"{firebase.url}/token"})
    file = made.json()
    assert (made.status_code, file["type"], file["token_uri"]) == (201, "service_account", f"{firebase.url}/token")
    assert "made" in [project["id"] for project in (await desk.get("/projects")).json()]
    assert file["client_email"] in firebase.fcm.world.directory.accounts
    assert 'private_key"' not in (await desk.get("/service-accounts")).text
    assert (await desk.delete(f"/service-accounts/{file['client_email']}")).json() == {"revoked": 0}
    assert (await desk.delete(f"/service-accounts/{file['client_email']}")).status_code == 404


async def test_f1_an_account_can_be_registered_by_its_public_key(firebase: Firebase, desk: httpx.AsyncClient) -> None:
    firebase.fcm.reset()
    account = account_of(PROJECT)[1].model_dump(mode="json")
    assert (await desk.post("/service-accounts", json=[account])).status_code == 200
    assert (await firebase.ask_token(firebase.assertion())).status_code == 200
    assert (await desk.post("/service-accounts", json={"client_email": "x"})).status_code == 422


async def test_f2_revoked_access_tokens_are_worth_nothing(firebase: Firebase, desk: httpx.AsyncClient) -> None:
    assert (await desk.post("/access-tokens/revoke")).json() == {"revoked": 1}
    assert error(await firebase.send({"token": firebase.device("a")}))[0] == 401


async def test_f6_the_registry_goes_out_as_it_came_in(firebase: Firebase, desk: httpx.AsyncClient) -> None:
    entries = [
        {"token": token("a"), "project": PROJECT, "kind": "ios", "state": "ios_disabled", "last_seen": 1.0},
        {"fid": "cAbCdEfGhIjKlMnOpQrStU", "project": PROJECT, "topics": ["news"], "last_seen": 2.0},
        {"token": token("s"), "project": PROJECT, "last_seen": 3.0, "script": [{"status": 500, "times": 2}]},
    ]
    assert (await desk.post("/registry", json={"tokens": entries})).json() == {"imported": 3}
    exported = (await desk.get("/registry")).json()
    firebase.fcm.reset()
    assert (await desk.post("/registry", json=exported)).json() == {"imported": 3}
    assert (await desk.get("/registry")).json() == exported
    assert [each["state"] for each in exported["tokens"]] == ["ios_disabled", "active", "active"]


async def test_f6_a_token_is_changed_and_scripted_by_name(firebase: Firebase, desk: httpx.AsyncClient) -> None:
    device = firebase.device("a")
    changed = await desk.post(f"/tokens/{device}", json={"state": "unregistered", "script": [{"status": 500}]})
    assert (changed.json()["state"], changed.json()["script"]) == ("unregistered", [{"status": 500}])
    assert [(await firebase.send({"token": device})).status_code for _ in range(2)] == [500, 404]
    assert (await desk.post("/tokens/nobody", json={"state": "active"})).status_code == 404
    assert (await desk.post(f"/tokens/{device}", json={"state": "nonsense"})).status_code == 422


async def test_f18_an_app_asks_for_a_token(firebase: Firebase, desk: httpx.AsyncClient) -> None:
    fid = "cAbCdEfGhIjKlMnOpQrStU"
    firebase.fcm.import_tokens([{"fid": fid, "project": PROJECT}])
    asked = await desk.post(f"/installations/{fid}/get-token", json={"token": token("late")})
    assert asked.json()["fid_state"] == "unregistered"
    assert error(await firebase.send({"fid": fid}))[2] == "UNREGISTERED"


async def test_f15_the_log_lets_an_outsider_close_the_books_device_by_device(
    firebase: Firebase, desk: httpx.AsyncClient
) -> None:
    good = firebase.device("good", script=[{"status": 503, "reason": "UNAVAILABLE"}])
    dead = firebase.device("dead", state="unregistered")
    lost = firebase.device("lost", script=[{"drop": "close", "processed": True}, {"drop": "black_hole"}])
    for device in (good, good, good, dead, "malformed!"):
        await firebase.send({"token": device, "notification": {"title": "t"}})
    await firebase.send({"token": good}, validate_only=True)
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await firebase.client.post(
                f"/v1/projects/{PROJECT}/messages:send",
                json={"message": {"token": lost}},
                headers={"authorization": f"Bearer {firebase.bearer}"},
                timeout=0.2,
            )
    lines = (await desk.get("/requests")).json()["requests"]
    verdicts = Counter((line["token"], line["status"], line["reason"], line.get("drop")) for line in lines[1:])
    assert verdicts == {
        (good, 503, "UNAVAILABLE", None): 1,
        (good, 200, "", None): 2,
        (good, 200, "validate_only", None): 1,
        (dead, 404, "UNREGISTERED", None): 1,
        ("malformed!", 400, "INVALID_ARGUMENT", None): 1,
        (lost, 200, "", "close"): 1,
        (lost, None, "", "black_hole"): 1,
    }
    accepted = {each["token"]: each["accepted"] for each in (await desk.get("/devices")).json()["devices"]}
    assert accepted == {good: 2, dead: 0, "malformed!": 0, lost: 1}
    assert '"title":"t"' in lines[1]["body"]
    assert firebase.bearer not in str(lines)
    assert (await desk.get(f"/devices/{good}/shown")).json()["shown"][0]["notification"] == {"title": "t"}


async def test_f1_a_reset_forgets_projects_and_tokens_alike(firebase: Firebase, desk: httpx.AsyncClient) -> None:
    firebase.device("a")
    assert (await desk.post("/reset")).status_code == 204
    assert (await firebase.send({"token": token("a")})).status_code == 401
    assert (await firebase.ask_token(firebase.assertion(scope=MESSAGING))).json()["error"] == "invalid_grant"
