"""gorush's request, field by field: what each becomes at the provider, or that it is refused by name."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from services.ingest.doors.gorush.mapping import send_of
from services.ingest.doors.gorush.request import Notification
from shared.flow.accept import RouteTarget
from shared.flow.device import Device
from shared.flow.send import Problem, SendRequest
from shared.providers.contract import Context, Request
from shared.providers.registry import provider

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TOPIC = "com.example.bells"
APNS = RouteTarget("v-apns", "apns", SimpleNamespace(topic=TOPIC, environment="production"))
SANDBOX = RouteTarget("v-sandbox", "apns", SimpleNamespace(topic=TOPIC, environment="sandbox"))
OTHER = RouteTarget("v-other", "apns", SimpleNamespace(topic="com.example.other", environment="production"))
FCM = RouteTarget("v-fcm", "fcm", SimpleNamespace(project_id="bells"))
TOKEN = {1: "ab" * 32, 2: "dGhpcyBpcyBhbg:APA91b"}
Json = dict[str, Any]


def read(platform: int, **said: Any) -> Notification:
    body = json.dumps({"tokens": [TOKEN[platform]], "platform": platform} | said)
    return Notification.model_validate_json(body, strict=True)


def mapped(platform: int, **said: Any) -> SendRequest:
    found = send_of(read(platform, **said), [APNS, FCM])
    assert isinstance(found, SendRequest), found
    return found


def sent(platform: int, **said: Any) -> Request:
    """What the provider is asked."""
    request, target = mapped(platform, **said), APNS if platform == 1 else FCM
    assert request.audience.tokens == {target.variant: (TOKEN[platform],)}
    assert provider(target.platform).check(request.message, []) == []
    context = Context("app.send", "send", NOW + timedelta(hours=24), NOW, variant=target.variant)
    prepared = provider(target.platform).prepare(request.message, target.settings, context)
    only = prepared.requests([Device(b"0" * 12, TOKEN[platform])]).only()
    assert isinstance(only, Request), only
    return Request(only.path, prepared.headers, only.body)


IOS: list[tuple[Json, Json]] = [
    ({"message": "Hello"}, {"aps": {"alert": {"body": "Hello"}}}),
    ({"message": "Hello", "title": "T"}, {"aps": {"alert": {"body": "Hello", "title": "T"}}}),
    ({"message": "x", "badge": 5}, {"aps": {"alert": {"body": "x"}, "badge": 5}}),
    ({"message": "x", "category": "c"}, {"aps": {"alert": {"body": "x"}, "category": "c"}}),
    ({"message": "x", "sound": "default"}, {"aps": {"alert": {"body": "x"}, "sound": "default"}}),
    (
        {"message": "x", "sound": {"critical": 1, "name": "n", "volume": 1.0}},
        {"aps": {"alert": {"body": "x"}, "sound": {"critical": 1, "name": "n", "volume": 1.0}}},
    ),
    (
        {"message": "x", "name": "n", "volume": 0.5},
        {"aps": {"alert": {"body": "x"}, "sound": {"critical": 1, "name": "n", "volume": 0.5}}},
    ),
    ({"name": "n"}, {"aps": {"sound": {"critical": 1, "name": "n", "volume": 1.0}}}),
    ({"volume": 0.5}, {"aps": {"sound": {"critical": 1, "name": "default", "volume": 0.5}}}),
    ({"sound": "s", "volume": 0.5}, {"aps": {"sound": {"critical": 1, "name": "s", "volume": 0.5}}}),
    ({"sound": "s", "name": "", "volume": 0.0}, {"aps": {"sound": "s"}}),
    ({"message": "x", "mutable_content": True}, {"aps": {"alert": {"body": "x"}, "mutable-content": 1}}),
    ({"content_available": True}, {"aps": {"content-available": 1}}),
    ({"message": "x", "thread-id": "t"}, {"aps": {"alert": {"body": "x"}, "thread-id": "t"}}),
    ({"message": "x", "url-args": ["a"]}, {"aps": {"alert": {"body": "x"}, "url-args": ["a"]}}),
    (
        {"message": "x", "interruption_level": "passive"},
        {"aps": {"alert": {"body": "x"}, "interruption-level": "passive"}},
    ),
    ({"message": "x", "dismissal-date": 0, "stale-date": 0}, {"aps": {"alert": {"body": "x"}}}),
    (
        {
            "push_type": "liveactivity",
            "event": "update",
            "timestamp": 1_900_000_000,
            "stale-date": 1_900_000_001,
            "dismissal-date": 1_900_000_002,
            "content-state": {"home": 1},
        },
        {
            "aps": {
                "event": "update",
                "timestamp": 1_900_000_000,
                "stale-date": 1_900_000_001,
                "dismissal-date": 1_900_000_002,
                "content-state": {"home": 1},
            }
        },
    ),
    ({"message": "x", "data": {"k": "v", "n": 2}}, {"aps": {"alert": {"body": "x"}}, "k": "v", "n": 2}),
    (
        {"alert": {"title": "t", "body": "b", "subtitle": "s", "action-loc-key": "P", "loc-args": ["a"]}},
        {"aps": {"alert": {"title": "t", "body": "b", "subtitle": "s", "action-loc-key": "P", "loc-args": ["a"]}}},
    ),
    (
        {"alert": {"loc-key": "k", "title-loc-key": "t", "title-loc-args": ["a"], "launch-image": "i", "action": "A"}},
        {
            "aps": {
                "alert": {
                    "loc-key": "k",
                    "title-loc-key": "t",
                    "title-loc-args": ["a"],
                    "launch-image": "i",
                    "action": "A",
                }
            }
        },
    ),
]
IOS_HEADERS: list[tuple[Json, tuple[str, str]]] = [
    ({"priority": "normal"}, ("apns-priority", "5")),
    ({"priority": "high"}, ("apns-priority", "10")),
    ({"push_type": "alert"}, ("apns-push-type", "alert")),
    ({"collapse_id": "c"}, ("apns-collapse-id", "c")),
    ({"expiration": int(NOW.timestamp()) + 60}, ("apns-expiration", str(int(NOW.timestamp()) + 60))),
    ({"topic": f"{TOPIC}.complication", "push_type": "complication"}, ("apns-topic", f"{TOPIC}.complication")),
]
ANDROID: list[tuple[Json, list[str], Any]] = [
    ({"message": "Hello"}, ["notification", "body"], "Hello"),
    ({"message": "x", "title": "T"}, ["notification", "title"], "T"),
    ({"message": "x", "image": "https://example.com/i.png"}, ["notification", "image"], "https://example.com/i.png"),
    ({"message": "x", "sound": "ding"}, ["android", "notification", "sound"], "ding"),
    ({"message": "x", "priority": "normal"}, ["android", "priority"], "NORMAL"),
    ({"message": "x", "collapse_key": "k"}, ["android", "collapse_key"], "k"),
    ({"message": "x", "restricted_package_name": "com.x"}, ["android", "restricted_package_name"], "com.x"),
    ({"message": "x", "data": {"k": "v", "n": 2, "t": True}}, ["data"], {"k": "v", "n": "2", "t": "true"}),
    ({"message": "x", "content_available": True}, ["apns", "payload", "aps", "content-available"], 1),
    *(
        ({"message": "x", "notification": {name: value}}, ["android", "notification", name], value)
        for name, value in {
            "icon": "i", "tag": "t", "color": "#112233", "click_action": "c", "body_loc_key": "b",
            "body_loc_args": ["1"], "title_loc_key": "k", "title_loc_args": ["2"],
        }.items()
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "payload"), IOS, ids=[",".join(said) for said, _ in IOS])
def test_a_field_for_ios_becomes_what_apple_calls_it(said: Json, payload: Json) -> None:
    assert json.loads(sent(1, **said).body) == payload


@pytest.mark.parametrize(("said", "header"), IOS_HEADERS, ids=[str(one) for _, one in IOS_HEADERS])
def test_a_field_for_ios_becomes_a_header(said: Json, header: tuple[str, str]) -> None:
    assert header in sent(1, message="x", **said).headers


@pytest.mark.parametrize(("said", "place", "value"), ANDROID, ids=[".".join(place) for _, place, _ in ANDROID])
def test_a_field_for_android_becomes_what_firebase_calls_it(said: Json, place: list[str], value: object) -> None:
    found: Any = json.loads(sent(2, **said).body)["message"]
    for part in place:
        found = found[part]
    assert found == value


ONLY_ANDROID: list[Json] = [{"time_to_live": 60}, {"dry_run": True}, {"notification": {"icon": "i"}}, {"image": "x"}]
ONLY_IOS: list[Json] = [
    {"badge": 1},
    {"category": "c"},
    {"push_type": "alert"},
    {"alert": {"title": "t"}},
    {"volume": 1},
]
NOTHING: list[Json] = [{"notif_id": "n"}, {"retry": 3}, {"delay_while_idle": True}]


def test_what_belongs_to_the_send_goes_there_and_what_has_no_effect_has_none() -> None:
    assert mapped(2, message="x", time_to_live=60).ttl == 60
    assert mapped(2, message="x", dry_run=True).dry_run
    for platform, others in ((1, ONLY_ANDROID + NOTHING), (2, ONLY_IOS + NOTHING)):
        for said in others:
            assert mapped(platform, message="x", **said) == mapped(platform, message="x"), said


@pytest.mark.parametrize(
    "said", [{"api_key": "k"}, {"to": "/topics/x"}, {"condition": "'a' in topics"}, {"apns_id": "u"}]
)
def test_what_cannot_be_done_here_is_refused_by_name(said: Json) -> None:
    with pytest.raises(ValidationError) as refused:
        read(2, message="x", **said)
    assert [one["loc"] for one in refused.value.errors()] == [tuple(said)]


@pytest.mark.parametrize("said", [{"tokens": []}, {"colour": "red"}, {"volume": 2}, {"badge": -1}])
def test_what_gorush_does_not_know_either_is_refused(said: Json) -> None:
    with pytest.raises(ValidationError):
        read(1, **said)


def test_what_the_message_itself_cannot_say_is_a_problem_and_no_failure() -> None:
    found = send_of(read(2, message="x", image="no address"), [FCM])
    assert isinstance(found, Problem)
    assert found.pointer == "/image"


def test_an_ios_variant_is_chosen_by_topic_and_environment() -> None:
    variants = [APNS, SANDBOX, OTHER, FCM]
    for said, wanted in (
        ({"topic": TOPIC, "production": True}, "v-apns"),
        ({"topic": TOPIC, "development": True}, "v-sandbox"),
        ({"topic": "com.example.other"}, "v-other"),
        ({"development": True}, "v-sandbox"),
    ):
        found = send_of(read(1, message="x", **said), variants)
        assert isinstance(found, SendRequest)
        assert found.audience.tokens is not None
        assert list(found.audience.tokens) == [wanted]
    for said in ({}, {"topic": TOPIC}, {"topic": "com.example.nobody"}):
        assert isinstance(send_of(read(1, message="x", **said), variants), Problem)
    assert isinstance(send_of(read(2, message="x"), [APNS]), Problem)
