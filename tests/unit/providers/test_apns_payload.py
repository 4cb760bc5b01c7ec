"""What a message becomes on APNs: headers, body, limits."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.flow.device import Device
from shared.flow.identity import notification_id
from shared.flow.message import Message
from shared.flow.send import Duplicates
from shared.providers.apns.settings import ApnsSettings
from shared.providers.apns.topics import PUSH_TYPES
from shared.providers.contract import Context, Refusal, Request
from shared.providers.registry import provider
from tests.unit.providers import credentials

APNS = provider("apns")
TOKEN = Device(bytes(range(12)), "ab" * 32)
NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
CONTEXT = Context("app1.send0001", "send0001", NOW + timedelta(hours=24), NOW)
VARIANT = ApnsSettings(
    environment="production", topic=credentials.TOPIC, key=credentials.p8(), key_id="ABC123DEFG", team_id="DEF123GHIJ"
)


def _headers(message: dict[str, Any], context: Context = CONTEXT, variant: ApnsSettings = VARIANT) -> dict[str, str]:
    return dict(APNS.prepare(Message.model_validate(message), variant, context).headers)


def _body(message: dict[str, Any]) -> dict[str, Any]:
    request = APNS.prepare(Message.model_validate(message), VARIANT, CONTEXT).requests([TOKEN]).only()
    assert isinstance(request, Request)
    body: dict[str, Any] = json.loads(request.body)
    return body


def _pointers(message: dict[str, Any], *variants: ApnsSettings) -> list[str]:
    return [one.pointer for one in APNS.check(Message.model_validate(message), variants or (VARIANT,))]


def test_the_unified_message_lands_where_the_readme_says() -> None:
    body = _body(
        {"title": "T", "subtitle": "S", "body": "B", "image": "https://x/y.png", "sound": "default", "badge": 3,
         "link": "app://x", "category": "C", "thread": "H", "data": {"k": "v"}}
    )  # fmt: skip
    assert body == {
        "aps": {
            "alert": {"title": "T", "subtitle": "S", "body": "B"},
            "badge": 3,
            "sound": "default",
            "thread-id": "H",
            "category": "C",
            "mutable-content": 1,
        },
        "k": "v",
        "link": "app://x",
        "image": "https://x/y.png",
    }


def test_the_headers_of_an_alert() -> None:
    assert _headers({"title": "T", "collapse_key": "game-42"}) == {
        "apns-topic": "com.example.app",
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": str(int((NOW + timedelta(hours=24)).timestamp())),
        "apns-collapse-id": "game-42",
    }
    assert _headers({"title": "T", "priority": "normal"})["apns-priority"] == "5"


def test_the_raw_block_wins_key_by_key_and_null_takes_away() -> None:
    body = _body(
        {"title": "T", "body": "B", "badge": 3, "sound": "x", "data": {"k": "v", "l": "w"},
         "apns": {"aps": {"alert": {"title": "R"}, "badge": 0, "sound": None}, "payload": {"k": {"n": 1}, "l": None}}}
    )  # fmt: skip
    assert body == {"aps": {"alert": {"title": "R", "body": "B"}, "badge": 0}, "k": {"n": 1}}
    assert _body({"title": "T", "apns": {"aps": {"alert": "text"}}})["aps"]["alert"] == "text"


def test_what_shows_nothing_is_a_background_push_with_priority_5_and_no_collapse_id() -> None:
    message = {"data": {"k": "v"}, "priority": "high"}
    headers = _headers(message)
    assert (headers["apns-push-type"], headers["apns-priority"]) == ("background", "5")
    assert "apns-collapse-id" not in headers
    assert _body(message) == {"aps": {"content-available": 1}, "k": "v"}


@pytest.mark.parametrize("push_type", PUSH_TYPES)
def test_each_push_type_has_its_topic_and_only_an_alert_a_collapse_id_of_ours(push_type: str) -> None:
    headers = _headers({"apns": {"push_type": push_type}})
    suffixes = {
        "location": ".location-query",
        "voip": ".voip",
        "complication": ".complication",
        "fileprovider": ".pushkit.fileprovider",
        "liveactivity": ".push-type.liveactivity",
        "pushtotalk": ".voip-ptt",
        "widgets": ".push-type.widgets",
        "controls": ".push-type.controls",
    }
    assert headers["apns-topic"] == "com.example.app" + suffixes.get(push_type, "")
    assert headers["apns-push-type"] == push_type
    assert ("apns-collapse-id" in headers) == (push_type == "alert")
    assert (headers["apns-expiration"] == "0") == (push_type in ("voip", "pushtotalk"))
    assert headers["apns-priority"] == ("5" if push_type == "background" else "10")


def test_a_topic_that_has_its_suffix_already_gets_no_second_one() -> None:
    voip = VARIANT.model_copy(update={"topic": "com.example.app.voip"})
    assert _headers({"apns": {"push_type": "voip"}}, variant=voip)["apns-topic"] == "com.example.app.voip"


def test_a_topic_override_stays_within_the_variants_bundle() -> None:
    inside = {"title": "T", "apns": {"topic": "com.example.app.watchkitapp"}}
    assert _pointers(inside) == []
    assert _headers(inside)["apns-topic"] == "com.example.app.watchkitapp"
    for outside in ("com.example.application", "com.example", "org.other"):
        assert _pointers({"title": "T", "apns": {"topic": outside}}) == ["/apns/topic"]


def test_push_types_that_need_the_other_authentication_are_refused(by_certificate: ApnsSettings) -> None:
    live = {"push_type": "liveactivity", "aps": {"timestamp": 1, "event": "update", "content-state": {}}}
    for block in ({"push_type": "location"}, live):
        assert _pointers({"apns": block}) == []
        assert _pointers({"apns": block}, by_certificate) == ["/apns/push_type"]
    mdm = {"apns": {"push_type": "mdm", "payload": {"mdm": "magic"}}}
    assert _pointers(mdm, by_certificate) == []
    assert _pointers(mdm) == ["/apns/push_type"]
    assert _body(mdm) == {"mdm": "magic"}


def test_a_background_push_that_shows_something_or_has_priority_10_is_refused() -> None:
    assert _pointers({"title": "T", "apns": {"push_type": "background"}}) == ["/apns/push_type"]
    assert _pointers({"data": {"k": "v"}, "apns": {"priority": 10}}) == ["/apns/priority"]
    assert _pointers({"data": {"k": "v"}, "apns": {"priority": 1}}) == []


def test_a_live_activity_names_what_it_lacks() -> None:
    assert _pointers({"apns": {"push_type": "liveactivity", "aps": {"event": "start", "timestamp": 1}}}) == [
        "/apns/aps/alert",
        "/apns/aps/attributes-type",
        "/apns/aps/attributes",
    ]


def test_a_relevance_score_above_1_is_for_live_activities_only() -> None:
    assert _pointers({"title": "T", "apns": {"aps": {"relevance-score": 75.0}}}) == ["/apns/aps/relevance-score"]
    aps = {"event": "update", "timestamp": 1, "relevance-score": 75.0}
    assert _pointers({"apns": {"push_type": "liveactivity", "aps": aps}}) == []


def test_names_that_belong_to_apple_or_are_given_twice_are_refused() -> None:
    assert _pointers({"title": "T", "data": {"aps": "x"}}) == ["/data/aps"]
    assert _pointers({"title": "T", "data": {"link": "x"}, "link": "y"}) == ["/data/link"]
    assert _pointers({"title": "T", "data": {"link": "x"}, "link": "x"}) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused_at_the_door_and_for_every_device(value: Any) -> None:
    message = Message.model_construct(title="T")
    object.__setattr__(message, "__pydantic_extra__", {"apns": {"payload": {"k": value}}})
    assert [one.pointer for one in APNS.check(message, ())] == [""]
    assert isinstance(APNS.prepare(message, VARIANT, CONTEXT).requests([TOKEN]).only(), Refusal)


# Scenario S11 of the protocol reference.
@pytest.mark.parametrize("last", ["", "x"])
@pytest.mark.parametrize("place", ["unified", "raw"])
def test_a_collapse_id_is_measured_in_bytes(place: str, last: str) -> None:
    value = "語" * 21 + "x" + last  # 64 bytes, and 65
    raw = {"title": "T", "apns": {"collapse_id": value}}
    message = {"title": "T", "collapse_key": value} if place == "unified" else raw
    where = "/collapse_key" if place == "unified" else "/apns/collapse_id"
    assert _pointers(message) == ([where] if last else [])
    if not last:
        assert _headers(message)["apns-collapse-id"] == value


# Scenario S12; unset means the send's own deadline here, as no notification is without one.
@pytest.mark.parametrize(
    ("block", "header"),
    [
        ({"expiration": 0}, 0),
        ({}, int(NOW.timestamp()) + 86_400),
        ({"expiration": "deadline"}, int(NOW.timestamp()) + 86_400),
        ({"expiration": int(NOW.timestamp()) + 60}, int(NOW.timestamp()) + 60),
        ({"expiration": int(NOW.timestamp()) + 10**6}, int(NOW.timestamp()) + 86_400),
        ({"expiration": "deadline", "push_type": "voip"}, int(NOW.timestamp()) + 86_400),
    ],
)
def test_expiration_is_what_was_asked_for_and_never_later_than_the_deadline(block: Any, header: int) -> None:
    assert _headers({"title": "T", "apns": block})["apns-expiration"] == str(header)


def test_a_validity_that_has_passed_is_not_sent_at_all() -> None:
    message = Message.model_validate({"title": "T", "apns": {"expiration": int(NOW.timestamp())}})
    request = APNS.prepare(message, VARIANT, CONTEXT).requests([TOKEN]).only()
    assert isinstance(request, Refusal)
    assert request.verdict().reason == "expiration_passed"


@given(st.integers(0, 10**6), st.timedeltas(timedelta(milliseconds=1), timedelta(days=28)))
def test_the_deadline_as_a_header_is_in_the_future_and_at_most_a_second_late(fraction: int, left: timedelta) -> None:
    now = NOW.replace(microsecond=0) + timedelta(microseconds=fraction)
    context = replace(CONTEXT, now=now, deadline=now + left)
    header = int(_headers({"title": "T"}, context)["apns-expiration"])
    assert header > now.timestamp()
    assert header - context.deadline.timestamp() <= (1 if left < timedelta(seconds=1) else 0)


def test_a_repeat_has_the_same_ids_and_another_send_has_not() -> None:
    message = {"title": "T"}
    later = replace(CONTEXT, now=NOW + timedelta(hours=1))
    other = replace(CONTEXT, send_key="app1.send0002")
    assert _headers(message) == _headers(message, later)
    assert _headers(message)["apns-collapse-id"] != _headers(message, other)["apns-collapse-id"]
    request = APNS.prepare(Message.model_validate(message), VARIANT, later).requests([TOKEN]).only()
    assert isinstance(request, Request)
    assert request.headers == (("apns-id", notification_id(CONTEXT.send_key, TOKEN.id)),)


@pytest.mark.parametrize("duplicates", [Duplicates.ALLOW, Duplicates.NEVER])
def test_a_collapse_id_of_ours_is_only_for_sends_that_collapse(duplicates: Duplicates) -> None:
    context = replace(CONTEXT, duplicates=duplicates)
    assert "apns-collapse-id" not in _headers({"title": "T"}, context)
    assert _headers({"title": "T", "collapse_key": "k"}, context)["apns-collapse-id"] == "k"


def test_all_devices_share_one_body_and_differ_in_path_and_id() -> None:
    prepared = APNS.prepare(Message(title="T"), VARIANT, CONTEXT)
    one, two = prepared.requests([TOKEN]).only(), prepared.requests([Device(bytes(12), "CD" * 50)]).only()
    assert isinstance(one, Request)
    assert isinstance(two, Request)
    assert one.body is two.body
    assert (one.path, two.path) == ("/3/device/" + "ab" * 32, "/3/device/" + "cd" * 50)
    assert one.headers != two.headers


@pytest.mark.parametrize(
    "token", ["", "abc", "xy" * 32, "ab" * 32 + "\n", "ab/../cd", "ab" * 32 + "?", " " + "ab" * 32]
)
def test_a_token_that_is_not_hexadecimal_is_refused_for_its_device_as_a_suspect(token: str) -> None:
    refusal = APNS.prepare(Message(title="T"), VARIANT, CONTEXT).requests([Device(bytes(12), token)]).only()
    assert isinstance(refusal, Refusal)
    assert refusal.pointer == "/token"
    assert refusal.verdict().suspect


@pytest.mark.parametrize(("push_type", "limit"), [("alert", 4096), ("voip", 5120)])
def test_the_last_byte_that_fits_passes_and_the_next_does_not(push_type: str, limit: int) -> None:
    frame = {"apns": {"push_type": push_type, "payload": {"k": ""}}}
    room = limit - len(json.dumps({"aps": {}, "k": ""}, separators=(",", ":")))
    text = "語" * (room // 3) + "x" * (room % 3)
    for value, fits in ((text, True), (text + "x", False)):
        frame["apns"]["payload"] = {"k": value}
        assert (_pointers(frame) == []) is fits
        request = APNS.prepare(Message.model_validate(frame), VARIANT, CONTEXT).requests([TOKEN]).only()
        assert isinstance(request, Request) is fits
        assert not isinstance(request, Request) or len(request.body) == limit


@given(st.text(max_size=4096), st.text(max_size=4096), st.dictionaries(st.text(min_size=1, max_size=99), st.text()))
def test_a_payload_never_exceeds_its_limit_and_the_door_knows_it_first(
    title: str, body: str, data: dict[str, str]
) -> None:
    assume("aps" not in data)
    message = Message(title=title, body=body, data=data)
    request = APNS.prepare(message, VARIANT, CONTEXT).requests([TOKEN]).only()
    assert isinstance(request, Request) == (APNS.check(message, [VARIANT]) == [])
    if isinstance(request, Request):
        assert len(request.body) <= 4096
        assert json.loads(request.body)["aps"]["alert"] == {"title": title, "body": body}


@given(st.text(min_size=1, max_size=256))
def test_a_collapse_id_never_exceeds_64_bytes(key: str) -> None:
    message = Message(title="T", collapse_key=key)
    if APNS.check(message, [VARIANT]) == []:
        headers = dict(APNS.prepare(message, VARIANT, CONTEXT).headers)
        assert len(headers["apns-collapse-id"].encode()) <= 64
        assert "\r" not in headers["apns-collapse-id"]
