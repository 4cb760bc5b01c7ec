"""F4, F5 and F8: what a request may say, and how Google finds fault with it."""

from typing import Any

import pytest

from tests.integration.simulator.fcm.running import Firebase, detail, error, token

pytestmark = pytest.mark.anyio

BAD_REQUEST = "google.rpc.BadRequest"
INVALID = (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
UNREAD = (400, "INVALID_ARGUMENT", "")  # the transcoder's own answer carries no FcmError


def violation(answer: Any) -> tuple[str, str]:
    first = detail(answer, BAD_REQUEST)["fieldViolations"][0]
    return first.get("field", ""), first["description"]


async def test_f4_snake_and_camel_names_numbers_as_strings_and_lower_case_enums_are_read(firebase: Firebase) -> None:
    shown = {"clickAction": "OPEN", "notification_count": "3", "notificationPriority": "priority_high"}
    android = {"collapseKey": "news", "priority": "high", "ttl": "3.5s", "notification": shown}
    message = {"token": firebase.device("a"), "android": android, "fcmOptions": {"analyticsLabel": "may"}}
    answer = await firebase.send(message, validateOnly=False)
    assert answer.status_code == 200
    [event] = firebase.shown(token("a"))
    assert event["collapse_key"] == "news"
    assert event["notification"]["notification_count"] == 3
    assert event["notification"]["notification_priority"] == "PRIORITY_HIGH"


async def test_a_device_shows_the_durations_and_times_that_it_was_sent(firebase: Firebase) -> None:
    lights = {"color": {"red": 1, "alpha": 0.5}, "light_on_duration": "1.5s", "light_off_duration": "0.25s"}
    timed = {"light_settings": lights, "vibrate_timings": ["1s", "0.5s"], "event_time": "2026-01-31T12:00:00.5+01:00"}
    answer = await firebase.send({"token": firebase.device("a"), "android": {"notification": timed}})
    assert answer.status_code == 200
    [event] = firebase.shown(token("a"))
    shown = event["notification"]
    assert shown.pop("event_time") == "2026-01-31T12:00:00.500000+01:00"
    assert shown == {name: value for name, value in timed.items() if name != "event_time"}


async def test_f4_an_unknown_name_is_a_bad_request_that_says_where(firebase: Firebase) -> None:
    answer = await firebase.send({"token": firebase.device("a"), "x": 1})
    text = "Invalid JSON payload received. Unknown name \"x\" at 'message': Cannot find field."
    assert (error(answer), violation(answer)) == (UNREAD, ("message", text))
    assert answer.json()["error"]["message"] == text


async def test_f4_a_data_value_that_is_no_string_is_told_by_its_place(firebase: Firebase) -> None:
    answer = await firebase.send({"token": firebase.device("a"), "data": {"n": 12}})
    text = "Invalid value at 'message.data[0].value' (TYPE_STRING), 12"
    assert (error(answer), violation(answer)) == (UNREAD, ("message.data[0].value", text))


async def test_f4_a_body_that_is_no_json_is_a_bad_request(firebase: Firebase) -> None:
    path, headers = "/v1/projects/demo/messages:send", {"authorization": f"Bearer {firebase.bearer}"}
    for body in (b"{", b"[]", b'{"message":{"data":NaN}}', b"\xff"):
        answer = await firebase.client.post(path, content=body, headers=headers)
        assert error(answer) == UNREAD


async def test_f5_no_target_is_refused(firebase: Firebase) -> None:
    for message in ({}, {"token": ""}, {"data": {"a": "b"}}):
        answer = await firebase.send(message)
        assert (error(answer), answer.json()["error"]["message"]) == (INVALID, "Recipient of the message is not set.")


async def test_f5_two_targets_are_refused_by_the_oneof(firebase: Firebase) -> None:
    answer = await firebase.send({"token": firebase.device("a"), "topic": "news"})
    assert error(answer) == UNREAD
    assert "oneof field 'target' is already set. Cannot set 'topic'" in violation(answer)[1]


async def test_f5_a_fid_a_token_a_topic_and_a_condition_are_targets(firebase: Firebase) -> None:
    fid = "cAbCdEfGhIjKlMnOpQrStU"
    firebase.fcm.import_tokens([{"fid": fid, "project": "demo"}])
    targets = [("fid", fid), ("token", firebase.device("a")), ("topic", "news"), ("condition", "'a' in topics")]
    for kind, name in targets:
        answer = await firebase.send({kind: name, "notification": {"title": "t"}})
        assert answer.status_code == 200, answer.text
    assert len(firebase.shown(fid)) == 1


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("message.data[0].key", {"data": {"from": "x"}}),
        ("message.data[0].key", {"data": {"message_type": "x"}}),
        ("message.data[1].key", {"data": {"ok": "x", "google.x": "x"}}),
        ("message.android.data[0].key", {"android": {"data": {"gcm.notification.x": "x"}}}),
        ("message.android.ttl", {"android": {"ttl": "2419201s"}}),
        ("message.android.ttl", {"android": {"ttl": "-1s"}}),
        ("message.fcm_options.analytics_label", {"fcm_options": {"analytics_label": "a b"}}),
        ("message.android.notification.color", {"android": {"notification": {"color": "red"}}}),
        ("message.webpush.fcm_options.link", {"webpush": {"fcm_options": {"link": "http://x"}}}),
        ("message.android_v2", {"android_v2": {"collapse_key": "x"}}),
    ],
)
async def test_f8_a_value_out_of_its_range_is_refused_by_its_field(
    firebase: Firebase, field: str, message: dict[str, Any]
) -> None:
    answer = await firebase.send({"token": firebase.device("a"), **message})
    assert (error(answer), violation(answer)[0]) == (INVALID, field)


@pytest.mark.parametrize(
    "target",
    [
        {"topic": "/topics/news"},
        {"topic": "with space"},
        {"condition": "'a' in topics &&"},
        {"condition": " || ".join(f"'t{n}' in topics" for n in range(6))},
    ],
)
async def test_f8_a_topic_or_condition_of_the_wrong_form_is_refused(firebase: Firebase, target: dict[str, str]) -> None:
    assert error(await firebase.send(target)) == INVALID


async def test_f8_a_condition_of_five_topics_and_a_ttl_of_28_days_pass(firebase: Firebase) -> None:
    condition = " || ".join(f"'t{n}' in topics" for n in range(5))
    assert (await firebase.send({"condition": condition})).status_code == 200
    message = {"token": firebase.device("a"), "android": {"ttl": "2419200s"}}
    assert (await firebase.send(message)).status_code == 200


async def test_f8_the_limit_is_4096_bytes_to_a_token_and_2048_to_a_topic(firebase: Firebase) -> None:
    device = firebase.device("a")
    for target, limit in (({"token": device}, 4096), ({"topic": "news"}, 2048)):
        fitting = "é" * ((limit - 1) // 2) + "x" * ((limit - 1) % 2)  # bytes, not characters
        assert (await firebase.send({**target, "data": {"k": fitting}})).status_code == 200
        answer = await firebase.send({**target, "data": {"k": fitting + "x"}})
        assert (error(answer), answer.json()["error"]["message"]) == (INVALID, "Message too big")
