"""What a message becomes on FCM: body, lifetime, names against repeats, limits."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.device import Device
from shared.flow.message import Message
from shared.flow.send import Duplicates
from shared.providers.contract import Context, Refusal, Request
from shared.providers.fcm.android import seconds_of
from shared.providers.fcm.settings import FcmSettings
from shared.providers.once import shown_once
from shared.providers.registry import provider
from tests.unit.providers import credentials

FCM = provider("fcm")
TOKEN = Device(bytes(range(12)), "fcm:APA91b-token_1")
NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
CONTEXT = Context("app1.send0001", "send0001", NOW + timedelta(hours=24), NOW)
DEADLINE = str(int(CONTEXT.deadline.timestamp()))
VARIANT = FcmSettings.model_validate({"service_account": credentials.service_account()})
ONCE = shown_once(CONTEXT.send_key)


def _request(message: Message, context: Context = CONTEXT, device: Device = TOKEN) -> Request:
    request = FCM.prepare(message, VARIANT, context).requests([device]).only()
    assert isinstance(request, Request)
    return request


def _sent(message: dict[str, Any], context: Context = CONTEXT) -> dict[str, Any]:
    body = json.loads(_request(Message.model_validate(message), context).body)
    assert set(body) == {"message"}
    sent: dict[str, Any] = body["message"]
    return sent


def _pointers(message: dict[str, Any]) -> list[str]:
    return [one.pointer for one in FCM.check(Message.model_validate(message), (VARIANT,))]


def test_the_unified_message_lands_where_the_readme_says() -> None:
    sent = _sent(
        {"title": "T", "subtitle": "S", "body": "B", "image": "https://x/y.png", "sound": "default", "badge": 3,
         "link": "https://x/z", "category": "C", "thread": "H", "data": {"k": "v"}, "collapse_key": "game-42"}
    )  # fmt: skip
    assert sent == {
        "token": TOKEN.token,
        "notification": {"title": "T", "body": "B", "image": "https://x/y.png"},
        "data": {"k": "v", "link": "https://x/z"},
        "android": {
            "priority": "HIGH",
            "ttl": "86400s",
            "collapse_key": "game-42",
            "notification": {"sound": "default", "notification_count": 3, "click_action": "C", "tag": "game-42"},
        },
        "apns": {
            "headers": {"apns-expiration": DEADLINE, "apns-collapse-id": "game-42"},
            "payload": {
                "aps": {
                    "alert": {"title": "T", "subtitle": "S", "body": "B"},
                    "badge": 3,
                    "sound": "default",
                    "category": "C",
                    "thread-id": "H",
                    "mutable-content": 1,
                }
            },
        },
        "webpush": {"headers": {"TTL": "86400"}, "fcm_options": {"link": "https://x/z"}},
    }


def test_null_in_the_raw_block_takes_away_what_the_unified_message_sets() -> None:
    message = {
        "title": "T", "link": "https://x", "data": {"k": "v", "l": "w"}, "collapse_key": "c",
        "fcm": {
            "data": {"k": None, "link": None}, "webpush": {"fcm_options": None, "headers": {"TTL": None}},
            "apns": {"headers": {"apns-collapse-id": None}},
        },
    }  # fmt: skip
    assert _pointers(message) == []
    sent = _sent(message)
    assert sent["data"] == {"l": "w"}
    assert sent["webpush"] == {"headers": {"TTL": "86400"}}
    assert sent["apns"]["headers"]["apns-collapse-id"] == ONCE


def test_a_plain_text_is_shown_once_and_gets_no_collapse_key_unasked() -> None:
    assert _sent({"title": "T"}) == {
        "token": TOKEN.token,
        "notification": {"title": "T"},
        "android": {"priority": "HIGH", "ttl": "86400s", "notification": {"tag": ONCE}},
        "apns": {"headers": {"apns-expiration": DEADLINE, "apns-collapse-id": ONCE}},
        "webpush": {"headers": {"TTL": "86400"}},
    }


@pytest.mark.parametrize("duplicates", [Duplicates.ALLOW, Duplicates.NEVER])
def test_names_of_ours_are_only_for_sends_that_collapse(duplicates: Duplicates) -> None:
    sent = _sent({"title": "T"}, replace(CONTEXT, duplicates=duplicates))
    assert "notification" not in sent["android"]
    assert "apns-collapse-id" not in sent["apns"]["headers"]


def test_a_message_of_data_alone_shows_nothing_anywhere() -> None:
    sent = _sent({"data": {"k": "v"}, "badge": 3, "sound": "x", "priority": "normal"})
    assert "notification" not in sent
    assert "notification" not in sent["android"]  # a badge alone would make Android show an empty notification
    assert sent["android"]["priority"] == "NORMAL"
    silent = _sent({"data": {"k": "v"}})
    assert silent["apns"] == {
        "headers": {"apns-push-type": "background", "apns-priority": "5", "apns-expiration": DEADLINE},
        "payload": {"aps": {"content-available": 1}},
    }


def test_the_senders_tag_and_collapse_id_stay() -> None:
    block = {"android": {"notification": {"tag": "mine"}}, "apns": {"headers": {"apns-collapse-id": "mine"}}}
    sent = _sent({"title": "T", "fcm": block})
    assert sent["android"]["notification"]["tag"] == "mine"
    assert sent["apns"]["headers"]["apns-collapse-id"] == "mine"
    assert "collapse_key" not in sent["android"]


def test_the_raw_block_wins_key_by_key_and_null_takes_away() -> None:
    block = {"data": {"k": "r"}, "notification": {"title": "R", "image": None}, "android": {"priority": "normal"}}
    sent = _sent({"title": "T", "body": "B", "image": "https://x/y.png", "data": {"k": "v", "l": "w"}, "fcm": block})
    assert sent["notification"] == {"title": "R", "body": "B"}
    assert sent["data"] == {"k": "r", "l": "w"}
    assert sent["android"]["priority"] == "NORMAL"


@pytest.mark.parametrize(
    ("left", "asked", "ttl"),
    [
        (timedelta(hours=1), None, "3600s"),
        (timedelta(milliseconds=1500), None, "1.5s"),
        (timedelta(microseconds=1999), None, "0.001s"),
        (timedelta(hours=1), "60.5s", "60.5s"),
        (timedelta(hours=1), "7200s", "3600s"),
        (timedelta(hours=1), "0s", "0s"),
        (timedelta(days=400), None, "2419200s"),
        (timedelta(seconds=-5), None, "0s"),
    ],
)
def test_the_ttl_is_what_remains_or_less_if_asked_for(left: timedelta, asked: str | None, ttl: str) -> None:
    block = {} if asked is None else {"android": {"ttl": asked}}
    assert _sent({"title": "T", "fcm": block}, replace(CONTEXT, deadline=NOW + left))["android"]["ttl"] == ttl


def test_apple_and_web_lifetimes_follow_the_deadline_too() -> None:
    block = {"apns": {"headers": {"apns-expiration": "9999999999"}}, "webpush": {"headers": {"ttl": "99999999"}}}
    sent = _sent({"title": "T", "fcm": block})
    assert sent["apns"]["headers"]["apns-expiration"] == DEADLINE
    assert sent["webpush"]["headers"] == {"ttl": "86400"}
    block = {"apns": {"headers": {"apns-expiration": "0"}}, "webpush": {"headers": {"TTL": "0"}}}
    sent = _sent({"title": "T", "fcm": block})
    assert sent["apns"]["headers"]["apns-expiration"] == "0"
    assert sent["webpush"]["headers"] == {"TTL": "0"}


@given(st.timedeltas(timedelta(), timedelta(days=28)), st.none() | st.integers(0, 2_419_200))
def test_no_platform_keeps_a_message_past_its_deadline(left: timedelta, asked: int | None) -> None:
    block = {} if asked is None else {"android": {"ttl": f"{asked}s"}}
    context = replace(CONTEXT, deadline=NOW + left)
    sent = _sent({"title": "T", "fcm": block}, context)
    assert 0 <= seconds_of(sent["android"]["ttl"]) <= min(left.total_seconds(), 2_419_200 if asked is None else asked)
    assert int(sent["webpush"]["headers"]["TTL"]) <= left.total_seconds()
    expires = int(sent["apns"]["headers"]["apns-expiration"])
    assert NOW.timestamp() < expires <= max(context.deadline.timestamp(), NOW.timestamp() + 1)


@pytest.mark.parametrize("name", ["from", "message_type", "google.x", "gcm.notification.x", "googles", "gcmx"])
def test_reserved_names_are_refused_wherever_they_stand(name: str) -> None:
    assert _pointers({"title": "T", "data": {name: "x"}}) == [f"/data/{name}"]
    assert _pointers({"fcm": {"data": {name: "x"}}}) == [f"/fcm/data/{name}"]
    assert _pointers({"fcm": {"android": {"data": {name: "x"}}}}) == [f"/fcm/android/data/{name}"]
    assert _pointers({"fcm": {"webpush": {"data": {name: "x"}}}}) == [f"/fcm/webpush/data/{name}"]


def test_a_collapse_key_that_apple_devices_could_not_take_is_refused() -> None:
    assert _pointers({"title": "T", "collapse_key": "語" * 21 + "x"}) == []
    assert _pointers({"title": "T", "collapse_key": "語" * 21 + "xy"}) == ["/collapse_key"]


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a b", "", "a\n", "ü", "a\x00", "x" * 4097])
def test_a_token_that_would_need_escaping_is_no_token(value: str) -> None:
    refusal = FCM.prepare(Message(title="T"), VARIANT, CONTEXT).requests([Device(bytes(12), value)]).only()
    assert isinstance(refusal, Refusal)
    assert (refusal.pointer, refusal.verdict().suspect) == ("/token", True)


def test_requests_differ_in_the_token_only() -> None:
    prepared = FCM.prepare(Message(title="T"), VARIANT, CONTEXT)
    one = prepared.requests([TOKEN]).only()
    two = prepared.requests([Device(bytes(12), "other:token")]).only()
    assert isinstance(one, Request)
    assert isinstance(two, Request)
    assert one.path == two.path == "/v1/projects/bells-and-co/messages:send"
    assert one.body.replace(TOKEN.token.encode(), b"other:token") == two.body
    assert prepared.headers == (("content-type", "application/json"),)


def test_a_message_for_one_kind_of_device_is_measured_for_it() -> None:
    assert _pointers({"fcm": {"data": {"k": "x" * 4095}}}) == [""]  # too long as an Apple payload
    assert _pointers({"fcm": {"android": {"data": {"k": "x" * 4095}}}}) == []
    assert _pointers({"fcm": {"android": {"data": {"k": "x" * 4096}}}}) == [""]
    assert _pointers({"fcm": {"webpush": {"data": {"k": "語" * 1366}}}}) == [""]


@given(st.text(max_size=4096), st.text(max_size=4096), st.dictionaries(st.text(min_size=1, max_size=99), st.text()))
def test_a_message_never_exceeds_its_limit_and_the_door_knows_it_first(
    title: str, body: str, data: dict[str, str]
) -> None:
    message = Message(title=title, body=body, data=data)
    problems = [one for one in FCM.check(message, (VARIANT,)) if "reserved" not in one.detail]
    prepared = FCM.prepare(message, VARIANT, CONTEXT).requests([TOKEN]).only()
    assert isinstance(prepared, Request) == (problems == [])
    if isinstance(prepared, Request):
        sent = json.loads(prepared.body)["message"]
        counted = {**sent.get("data", {}), **sent.get("notification", {})}
        assert sum(len((name + value).encode()) for name, value in counted.items()) <= 4096
