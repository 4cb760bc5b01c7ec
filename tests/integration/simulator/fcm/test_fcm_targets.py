"""F6, F7, F9, F17 and F18: what the state of a token or FID answers."""

import pytest

from services.simulator.fcm.project import Project
from tests.integration.simulator.fcm.running import OTHER, PROJECT, Firebase, apns, detail, error, token

pytestmark = pytest.mark.anyio

UNREGISTERED = (404, "NOT_FOUND", "UNREGISTERED")
INVALID = (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
MALFORMED = "The registration token is not a valid FCM registration token"
FID = "cAbCdEfGhIjKlMnOpQrStU"


async def test_f6_an_active_token_is_accepted_and_shown_once(firebase: Firebase) -> None:
    answer = await firebase.send({"token": firebase.device("a"), "notification": {"title": "Hi"}, "data": {"k": "v"}})
    assert answer.status_code == 200
    [event] = firebase.shown(token("a"))
    assert answer.json()["name"] == f"projects/{PROJECT}/messages/{event['message_id']}"
    assert (event["notification"], event["data"]) == ({"title": "Hi"}, {"k": "v"})


@pytest.mark.parametrize("state", ["unregistered", "web_dead"])
async def test_f6_a_dead_token_is_unregistered(firebase: Firebase, state: str) -> None:
    kind = "web" if state == "web_dead" else "android"
    answer = await firebase.send({"token": firebase.device("a", state=state, kind=kind)})
    assert (error(answer), answer.json()["error"]["message"]) == (UNREGISTERED, "Requested entity was not found.")
    assert firebase.shown(token("a")) == []


async def test_f6_a_malformed_token_is_told_by_the_text_or_by_its_field(firebase: Firebase) -> None:
    device = firebase.device("a", state="malformed")
    answer = await firebase.send({"token": device})
    assert (error(answer), answer.json()["error"]["message"]) == (INVALID, MALFORMED)
    firebase.knobs(malformed="bad_request")
    answer = await firebase.send({"token": device})
    assert error(answer) == (400, "INVALID_ARGUMENT", "")
    assert detail(answer, "google.rpc.BadRequest")["fieldViolations"][0]["field"] == "message.token"


async def test_f6_a_token_of_another_project_is_a_sender_mismatch(firebase: Firebase) -> None:
    for name, entry in (("a", {"project": OTHER}), ("b", {"state": "other_project"})):
        answer = await firebase.send({"token": firebase.device(name, **entry)})
        assert error(answer) == (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")


async def test_f6_an_apple_token_that_is_disabled_carries_apples_410(firebase: Firebase) -> None:
    device = firebase.device("a", kind="ios", state="ios_disabled")
    answer = await firebase.send({"token": device})
    assert (error(answer), apns(answer)) == (INVALID, (410, "Unregistered"))
    assert answer.json()["error"]["message"] == "APNs device token is disabled."
    firebase.knobs(ios_disabled=404)
    answer = await firebase.send({"token": device})
    assert (error(answer), apns(answer)) == (UNREGISTERED, (410, "Unregistered"))


@pytest.mark.parametrize(
    ("state", "reason"), [("ios_bad_token", "BadDeviceToken"), ("ios_wrong_topic", "DeviceTokenNotForTopic")]
)
async def test_f6_apples_reasons_against_a_token_come_through(firebase: Firebase, state: str, reason: str) -> None:
    answer = await firebase.send({"token": firebase.device("a", kind="ios", state=state)})
    assert (error(answer), apns(answer)) == (INVALID, (400, reason))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({"headers": {"apns-collapse-id": "€" * 22}}, (400, "BadCollapseId")),
        ({"headers": {"apns-priority": "7"}}, (400, "BadPriority")),
        ({"payload": {"aps": {"alert": "x" * 4096}}}, (413, "PayloadTooLarge")),
    ],
)
async def test_f6_apples_reasons_against_a_message_come_through(
    firebase: Firebase, block: dict[str, object], reason: tuple[int, str]
) -> None:
    answer = await firebase.send({"token": firebase.device("a", kind="ios"), "apns": block})
    assert (error(answer), apns(answer)) == (INVALID, reason)
    assert (await firebase.send({"token": firebase.device("b"), "apns": block})).status_code == 200


async def test_f6_a_token_that_nobody_registered_is_gone_if_it_looks_right_and_malformed_if_not(
    firebase: Firebase,
) -> None:
    assert error(await firebase.send({"token": token("stranger")})) == UNREGISTERED
    answer = await firebase.send({"token": "no such form"})
    assert (error(answer), answer.json()["error"]["message"]) == (INVALID, MALFORMED)
    firebase.knobs(accept_unknown_tokens=True)
    assert (await firebase.send({"token": token("stranger")})).status_code == 200


async def test_f6_a_restricted_package_name_must_be_the_tokens(firebase: Firebase) -> None:
    device = firebase.device("a", package="org.example.app")
    message = {"token": device, "android": {"restricted_package_name": "org.example.app"}}
    assert (await firebase.send(message)).status_code == 200
    message["android"] = {"restricted_package_name": "org.example.other"}
    assert error(await firebase.send(message)) == INVALID


async def test_f7_an_auth_failure_at_apple_concerns_apple_targets_alone(firebase: Firebase) -> None:
    failing = Project(id=PROJECT, third_party_auth_error={"ios": "InvalidProviderToken", "web": ""})
    firebase.fcm.world.directory.add_project(failing)
    answer = await firebase.send({"token": firebase.device("apple", kind="ios")})
    assert error(answer) == (401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
    assert apns(answer) == (403, "InvalidProviderToken")
    answer = await firebase.send({"token": firebase.device("browser", kind="web")})
    assert (error(answer)[2], apns(answer)) == ("THIRD_PARTY_AUTH_ERROR", None)
    assert (await firebase.send({"token": firebase.device("android")})).status_code == 200


async def test_f9_a_dry_run_passes_every_check_and_delivers_nothing(firebase: Firebase) -> None:
    device, dead = firebase.device("a"), firebase.device("dead", state="unregistered")
    answer = await firebase.send({"token": device}, validate_only=True)
    assert answer.json() == {"name": f"projects/{PROJECT}/messages/fake_message_id"}
    assert error(await firebase.send({"token": dead}, validate_only=True)) == UNREGISTERED
    assert error(await firebase.send({"token": device, "data": {"from": "x"}}, validate_only=True)) == INVALID
    assert firebase.shown(device) == []
    assert firebase.fcm.ledger.devices()[0]["accepted"] == 0  # the books count no dry run


async def test_f17_an_android_token_without_contact_for_270_days_is_unregistered(firebase: Firebase) -> None:
    android, apple = firebase.device("a"), firebase.device("i", kind="ios")
    firebase.advance(days=269)
    firebase.bearer = await firebase.new_bearer(
        iat=int(firebase.fcm.world.now()), exp=int(firebase.fcm.world.now()) + 60
    )
    assert (await firebase.send({"token": android})).status_code == 200
    firebase.advance(days=2)
    firebase.bearer = await firebase.new_bearer(
        iat=int(firebase.fcm.world.now()), exp=int(firebase.fcm.world.now()) + 60
    )
    assert error(await firebase.send({"token": android})) == UNREGISTERED
    assert (await firebase.send({"token": apple})).status_code == 200
    firebase.fcm.change_token(android, {"last_seen": firebase.fcm.world.now()})
    assert (await firebase.send({"token": android})).status_code == 200


async def test_f18_asking_for_a_token_unregisters_the_fid(firebase: Firebase) -> None:
    firebase.fcm.import_tokens([{"fid": FID, "project": PROJECT}])
    assert (await firebase.send({"fid": FID})).status_code == 200
    firebase.fcm.world.registry.get_token(FID, token("late"), firebase.fcm.world.now())
    assert error(await firebase.send({"fid": FID})) == UNREGISTERED
    assert (await firebase.send({"token": token("late")})).status_code == 200


async def test_f18_a_fid_of_the_wrong_form_is_told_by_its_field(firebase: Firebase) -> None:
    answer = await firebase.send({"fid": "x"})
    assert detail(answer, "google.rpc.BadRequest")["fieldViolations"][0]["field"] == "message.fid"
    assert error(await firebase.send({"fid": FID})) == UNREGISTERED
