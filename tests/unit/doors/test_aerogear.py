"""The UnifiedPush Server's message, field by field: what each becomes at the provider, or is refused by name."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.ingest.doors.aerogear.installation import Imported, Installation, spelled
from services.ingest.doors.aerogear.mapping import placed, send_of
from services.ingest.doors.aerogear.request import Apns, Config, Criteria, UnifiedPush, UnifiedPushes, Wanted, Windows
from services.ingest.form import file_of
from shared.flow.accept import RouteTarget
from shared.flow.device import Device
from shared.flow.message import MOST_BADGE
from shared.flow.send import Problem, SendRequest
from shared.providers.contract import Context, Request
from shared.providers.registry import provider

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SEND = "send-1234"
DEVICE = b"0" * 12
PUSH_ID = {"aerogear-push-id": f"{SEND}.{DEVICE.hex()}"}
APNS = RouteTarget("v-apns", "apns", SimpleNamespace(topic="com.example.bells", environment="production"))
FCM = RouteTarget("v-fcm", "fcm", SimpleNamespace(project_id="bells"))
TOKEN = {"apns": "ab" * 32, "fcm": "dGhpcyBpcyBhbg:APA91b"}
HI = {"body": "Hi"}
Json = dict[str, Any]
JAVA: Json = {
    "message": {
        "alert": "Hi", "sound": None, "badge": -1, "user-data": {}, "simple-push": None, "priority": "normal",
        "consolidationKey": None,
        "windows": {
            "type": None, "duration": None, "badge": None, "tileType": None, "toastType": None, "images": [],
            "textFields": [], "page": None,
        },
        "apns": {
            "action-category": None, "title": None, "action": None, "localized-key": None, "localized-arguments": None,
            "localized-title-key": None, "localized-title-arguments": None, "url-args": None,
            "content-available": False, "mutable-content": False,
        },
    },
    "criteria": {"alias": None, "deviceType": None, "categories": None, "variants": None},
    "config": {"ttl": -1},
}  # fmt: skip
"""What the Java sender writes for an alert: every field of its model."""


def read(said: Json) -> UnifiedPush:
    return UnifiedPush.model_validate_json(json.dumps(said), strict=True)


def mapped(said: Json) -> SendRequest:
    found = send_of(read(said), SEND, TOKEN)
    assert isinstance(found, SendRequest), found
    return found


def sent(platform: str, message: Json, **beside: Json) -> Request:
    """What the provider is asked."""
    request, target = mapped({"message": message, **beside}), APNS if platform == "apns" else FCM
    assert provider(platform).check(request.message, []) == []
    context = Context("app.send", "send", NOW + timedelta(hours=24), NOW, variant=target.variant)
    prepared = provider(platform).prepare(request.message, target.settings, context)
    only = prepared.requests([Device(DEVICE, TOKEN[platform])]).only()
    assert isinstance(only, Request), only
    return Request(only.path, prepared.headers, only.body)


def apple(message: Json) -> Json:
    found: Json = json.loads(sent("apns", message).body)
    return found


def android(message: Json, **beside: Json) -> Json:
    found: Json = json.loads(sent("fcm", message, **beside).body)["message"]
    return found


APPLE: list[tuple[Json, Json, Json]] = [
    ({"alert": "Hi"}, {"alert": HI}, {}),
    ({"alert": "50 % {{ off }} {%x%} {#y#} {{{"}, {"alert": {"body": "50 % {{ off }} {%x%} {#y#} {{{"}}, {}),
    ({"sound": "default"}, {"sound": "default"}, {}),
    ({"badge": 7}, {"badge": 7}, {}),
    ({"badge": "7"}, {"badge": 7}, {}),
    ({"badge": 0}, {"badge": 0}, {}),
    ({"alert": "Hi", "priority": "high"}, {"alert": HI}, {}),
    (
        {"alert": "Hi", "user-data": {"k": "{{v}}", "n": 2, "o": {"a": [1, "{%"]}, "z": None}},
        {"alert": HI},
        {"k": "{{v}}", "n": 2, "o": {"a": [1, "{%"]}},
    ),
    ({"alert": "Hi", "apns": {"title": "T"}}, {"alert": {"title": "T", **HI}}, {}),
    ({"alert": "Hi", "apns": {"action": "A"}}, {"alert": {"action": "A", **HI}}, {}),
    ({"alert": "Hi", "apns": {"action-category": "c"}}, {"alert": HI, "category": "c"}, {}),
    ({"alert": "Hi", "apns": {"url-args": ["a", "b"]}}, {"alert": HI, "url-args": ["a", "b"]}, {}),
    (
        {"apns": {"localized-key": "k", "localized-arguments": ["1"]}},
        {"alert": {"loc-key": "k", "loc-args": ["1"]}},
        {},
    ),
    *(
        ({"apns": {key: "k", arguments: ["1"]}}, {"alert": {"title-loc-key": "k", "title-loc-args": ["1"]}}, {})
        for key, arguments in (
            ("localized-title-key", "localized-title-arguments"),
            ("title-loc-key", "title-loc-args"),
        )
    ),
    ({"apns": {"content-available": True}}, {"content-available": 1}, {}),
    ({"alert": "Hi", "apns": {"content-available": 1}}, {"alert": HI, "content-available": 1}, {}),
    ({"alert": "Hi", "apns": {"mutable-content": "true"}}, {"alert": HI, "mutable-content": 1}, {}),
]
ANDROID: list[tuple[Json, Json]] = [
    ({"alert": "Hi"}, {"alert": "Hi"}),
    ({"sound": "ding"}, {"sound": "ding"}),
    ({"badge": 7}, {"badge": "7"}),
    (
        {"user-data": {"k": "{{v}}", "n": 2, "t": True, "o": {"ü": [1]}}},
        {"k": "{{v}}", "n": "2", "t": "true", "o": '{"ü": [1]}'},
    ),
    ({"alert": "Hi", "user-data": {"alert": "Ho"}}, {"alert": "Ho"}),
    ({"apns": {"title": "T", "action-category": "c", "content-available": True}}, {}),
    ({}, {}),
]


@pytest.mark.parametrize(("said", "aps", "beside"), APPLE, ids=[json.dumps(said) for said, _, _ in APPLE])
def test_a_field_reaches_apple_devices_as_the_server_sent_it(said: Json, aps: Json, beside: Json) -> None:
    assert apple(said) == {**beside, **PUSH_ID, "aps": aps}


@pytest.mark.parametrize(("said", "data"), ANDROID, ids=[json.dumps(said) for said, _ in ANDROID])
def test_a_field_reaches_android_devices_as_data_and_nothing_is_shown_for_them(said: Json, data: Json) -> None:
    found = android(said)
    assert found["data"] == {**data, **PUSH_ID}
    assert "notification" not in found | found["android"]


def test_priority_is_android_s_and_apple_gets_everything_that_shows_at_once() -> None:
    for said, wanted in (
        (None, "NORMAL"),
        ("normal", "NORMAL"),
        ("NORMAL", "NORMAL"),
        ("high", "HIGH"),
        ("HIGH", "HIGH"),
    ):
        assert android({"alert": "Hi", "priority": said})["android"]["priority"] == wanted
        assert ("apns-priority", "10") in sent("apns", {"alert": "Hi", "priority": said}).headers
    silent = sent("apns", {"user-data": {"k": "v"}}).headers
    assert {("apns-push-type", "background"), ("apns-priority", "5")} <= set(silent)


def test_a_message_that_expires_at_once_is_tried_once_and_others_live_as_they_say() -> None:
    now_or_never = {"config": {"ttl": 0}}
    assert ("apns-expiration", "0") in sent("apns", {"alert": "Hi"}, **now_or_never).headers
    assert android({"alert": "Hi"}, **now_or_never)["android"]["ttl"] == "0s"
    for ttl, wanted in ((60, 60), ("60", 60), (-1, None), (None, None), (0, None)):
        assert mapped({"message": {}, "config": {"ttl": ttl}}).ttl == wanted


def test_criteria_become_the_audience_and_none_are_everyone() -> None:
    for criteria, wanted in (
        (None, {"everyone": True}),
        ({}, {"everyone": True}),
        ({"alias": [], "categories": [], "deviceType": None}, {"everyone": True}),
        ({"alias": ["ada", "bob", "ada"]}, {"users": ("ada", "bob")}),
        ({"categories": ["a", "b"]}, {"tags": {"any": ("a", "b")}}),
        ({"variants": ["v1"]}, {"variants": ("v1",)}),
        ({"deviceType": ["iPad"]}, {"filter": {"field": "attributes.device_type", "in_": ("iPad",)}}),
    ):
        said: Json = {"message": {"alert": "Hi"}, "criteria": criteria}
        assert mapped(said).audience.model_dump(exclude_defaults=True, by_alias=False) == wanted
    both = mapped({"message": {}, "criteria": {"alias": ["ada"], "variants": ["v"], "categories": ["c"]}}).audience
    assert (both.users, both.variants, both.tags and both.tags.any) == (("ada",), ("v",), ("c",))


def test_a_name_that_only_one_platform_keeps_to_itself_can_be_said_to_the_other() -> None:
    for platform, name in (("apns", "from"), ("fcm", "aps")):
        found = send_of(read({"message": {"user-data": {name: "x"}}}), SEND, [platform])
        assert isinstance(found, SendRequest)
        assert found.message.raw.keys() == {platform}
        assert [bool(provider(one).check(found.message, [])) for one in TOKEN] == [
            platform == "fcm",
            platform == "apns",
        ]


def test_what_the_java_sender_always_writes_says_nothing() -> None:
    assert mapped(JAVA) == mapped({"message": {"alert": "Hi"}})


REFUSED: list[tuple[Json, tuple[str, ...]]] = [
    *(
        ({"message": {"windows": {name: "x"}}}, ("message", "windows", name))
        for name in Windows.model_fields
    ),
    ({"message": {"simple-push": "version=1"}}, ("message", "simple-push")),
    ({"message": {"consolidationKey": "k"}}, ("message", "consolidationKey")),
    ({"message": {"user-data": {"aerogear-push-id": "x"}}}, ("message", "user-data")),
    *(({"message": {"badge": badge}}, ("message", "badge")) for badge in ("+1", True, 1.5, -2, MOST_BADGE + 1, "x")),
    ({"message": {"priority": "urgent"}}, ("message", "priority")),
    ({"message": {"apns": {"content-available": 2}}}, ("message", "apns", "content-available")),
    ({"message": {}, "config": {"ttl": -2}}, ("config", "ttl")),
    ({"message": {}, "config": {"ttl": 2_419_201}}, ("config", "ttl")),
    ({"message": {}, "criteria": {"variants": []}}, ("criteria", "variants")),
    ({"message": {}, "criteria": {"alias": "ada"}}, ("criteria", "alias")),
    ({"message": {"icon": "x"}}, ("message", "icon")),
    ({"message": {}, "alias": ["ada"]}, ("alias",)),
    ({"criteria": {}}, ("message",)),
]  # fmt: skip


@pytest.mark.parametrize(("said", "place"), REFUSED, ids=[json.dumps(said) for said, _ in REFUSED])
def test_what_cannot_be_done_or_read_is_refused_by_name(said: Json, place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(said)
    assert [one["loc"] for one in refused.value.errors()] == [place]


def test_what_only_the_send_cannot_say_is_a_problem_in_their_words() -> None:
    for said, pointer in (
        ({"message": {"alert": "x" * 4097}}, "/message/alert"),
        ({"message": {}, "criteria": {"alias": ["ada", "x" * 257]}}, "/criteria/alias/1"),
        ({"message": {}, "criteria": {"categories": ["x" * 65]}}, "/criteria/categories/0"),
        ({"message": {}, "criteria": {"deviceType": ["x" * 257]}}, "/criteria/deviceType/0"),
    ):
        found = send_of(read(said), SEND, TOKEN)
        assert not isinstance(found, SendRequest)
        assert found[0].pointer == pointer
    for ours, theirs in (
        ("/message/data/aps", "/message/user-data/aps"),
        ("/audience/variants/0", "/criteria/variants/0"),
        ("/message", "/message"),
    ):
        assert placed(Problem(pointer=ours, detail="x")) == Problem(pointer=theirs, detail="x")
    assert placed(Problem(pointer="/confirm", detail="x")) == Problem(pointer="", detail="confirm: x")


def test_a_batch_is_named_by_place() -> None:
    with pytest.raises(ValidationError) as refused:
        UnifiedPushes.model_validate_json(json.dumps([JAVA, {"message": {"badge": "x"}}]), strict=True)
    assert [one["loc"] for one in refused.value.errors()] == [(1, "message", "badge")]
    with pytest.raises(ValidationError):
        UnifiedPushes.model_validate_json("[]", strict=True)


def test_an_installation_says_all_of_its_device() -> None:
    said: Json = {
        "deviceToken": "t", "deviceType": "iPad", "operatingSystem": "iOS", "osVersion": "17.4", "alias": "ada",
        "categories": ["a", {"name": "b"}, "a"], "id": "x", "platform": "ios", "enabled": True,
    }  # fmt: skip
    found = Installation.model_validate_json(json.dumps(said), strict=True).said()
    attributes = {"device_type": "iPad", "operating_system": "iOS"}
    assert found == {"user": "ada", "tags": ["a", "b"], "attributes": attributes, "os_version": "17.4"}
    bare: Json = {"deviceToken": "t", "alias": "", "osVersion": "Nougat", "categories": None}
    nothing: Json = {"user": None, "tags": [], "attributes": None, "os_version": None}
    assert Installation.model_validate_json(json.dumps(bare), strict=True).said() == nothing
    for name, wrong in (("enabled", False), ("categories", ["x" * 65]), ("colour", "red"), ("deviceToken", "")):
        with pytest.raises(ValidationError) as refused:
            Installation.model_validate_json(json.dumps({"deviceToken": "t", name: wrong}), strict=True)
        assert refused.value.errors()[0]["loc"][0] == name


def test_a_token_is_spelled_in_one_way() -> None:
    assert spelled("AB " * 32, "apns") == "AB" * 32
    for wrong in ("", "ab", "ab" * 31 + "a", "xy" * 32):
        assert spelled(wrong, "apns") is None
    assert spelled("a:B-c_d", "fcm") == "a:B-c_d"


def test_a_file_is_found_in_a_form() -> None:
    body = (
        b'preamble\r\n--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\nx\r\n'
        b'--edge\r\ncontent-disposition: form-data; name="file"; filename="a;b.json"\r\n'
        b"Content-Type: application/json\r\n\r\n[1]\r\n\r\n--edge--\r\nepilogue"
    )
    assert file_of(body, 'multipart/form-data; boundary="edge"', "file") == b"[1]\r\n"
    assert file_of(body, "multipart/form-data; boundary=edge", "note") == b"x"
    tight = b'--edge\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--edge--'
    assert file_of(tight, "multipart/form-data; boundary=edge", "file") == b""
    for broken in (b"", b"--edge", b"--edge--", b"--edge\r\n\r\n", tight[:-8], tight.replace(b"edge", b"egde")):
        assert file_of(broken, "multipart/form-data; boundary=edge", "file") is None
    for content_type, name in (
        ("multipart/form-data", "file"),
        ("multipart/form-data; boundary=x", "file"),
        ("multipart/form-data; boundary=edge", "other"),
    ):
        assert file_of(body, content_type, name) is None


def test_a_form_that_would_take_long_to_read_is_none() -> None:
    part = b'--edge\r\nContent-Disposition: form-data; x="%s\r\n\r\n1\r\n'
    for hostile in (part % (b";" * 1_000_000), (part % b'"') * 1000):
        assert file_of(hostile + b"--edge--", "multipart/form-data; boundary=edge", "file") is None
    for strange in ("boundary*=idna''x", "boundary*=utf-7''%2B2AA-", "boundary=" + "x" * 10_000):
        assert file_of(b"--x\r\n\r\n", f"multipart/form-data; {strange}", "file") is None


def test_the_page_has_every_field(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "aerogear.md").read_text("utf-8")
    models: tuple[type[BaseModel], ...] = (Wanted, Apns, Windows, Criteria, Config, Installation, Imported)
    for model in models:
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in page, f"{model.__name__}: {name}"
