"""Every documented field of IBM's message, posted alone: what the phone got, whole, and nothing beside it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from services.ingest.doors.ibm.request import Apns, Gcm, Lights, Settings, Style, Target
from shared.providers.merge import merged
from tests.integration.flow.providers import Json, entry, new_token
from tests.integration.flow.scene import Scene, until

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).parents[3] / "docs" / "ibm.md"
ROUND = {"name": "n", "deep": {"er": [1, None, "ü"]}}
APNS: list[tuple[Json, Json, Mapping[str, str]]] = [
    ({}, {}, {"apns-push-type": "alert", "apns-priority": "10"}),
    ({"badge": 0}, {"aps": {"badge": 0}}, {}),
    ({"interactiveCategory": "Accept"}, {"aps": {"category": "Accept"}}, {}),
    ({"category": "old"}, {"aps": {"category": "old"}}, {}),
    ({"category": "old", "interactiveCategory": "new"}, {"aps": {"category": "new"}}, {}),
    ({"iosActionKey": "OK"}, {"aps": {"alert": {"action-loc-key": "OK"}}}, {}),
    ({"payload": ROUND}, {"payload": ROUND}, {}),
    ({"sound": "song.mp3"}, {"aps": {"sound": "song.mp3"}}, {}),
    ({"titleLocKey": "T"}, {"aps": {"alert": {"title-loc-key": "T"}}}, {}),
    ({"titleLocArgs": ["a", "b"]}, {"aps": {"alert": {"title-loc-args": ["a", "b"]}}}, {}),
    ({"locKey": "L"}, {"aps": {"alert": {"loc-key": "L"}}}, {}),
    ({"locArgs": ["a"]}, {"aps": {"alert": {"loc-args": ["a"]}}}, {}),
    ({"launchImage": "i.png"}, {"aps": {"alert": {"launch-image": "i.png"}}}, {}),
    ({"title": "t"}, {"aps": {"alert": {"title": "t"}}}, {}),
    ({"subtitle": "s"}, {"aps": {"alert": {"subtitle": "s"}}}, {}),
    ({"attachmentUrl": "https://a/b"}, {"attachment-url": "https://a/b", "aps": {"mutable-content": 1}}, {}),
    ({"type": "DEFAULT"}, {}, {}),
    ({"type": "MIXED"}, {"aps": {"content-available": 1}}, {"apns-push-type": "alert"}),
    (
        {"type": "SILENT"},
        {"aps": {"alert": None, "content-available": 1}},
        {"apns-push-type": "background", "apns-priority": "5"},
    ),
    ({"apnsCollapseId": "c-1"}, {}, {"apns-collapse-id": "c-1"}),
    ({"apnsThreadId": "th"}, {"aps": {"thread-id": "th"}}, {}),
    ({"apnsGroupSummaryArg": "g"}, {"aps": {"alert": {"summary-arg": "g"}}}, {}),
    ({"apnsGroupSummaryArgCount": 3}, {"aps": {"alert": {"summary-arg-count": 3}}}, {}),
]
STYLE = {"type": "BIGTEXT_NOTIFICATION", "title": "t", "url": "https://a", "text": "x", "lines": ["1", "2"]}
GCM: list[tuple[Json, Json, Json]] = [
    ({}, {}, {}),
    ({"collapseKey": "ping"}, {}, {"collapse_key": "ping"}),
    ({"interactiveCategory": "Accept"}, {"interactiveCategory": "Accept"}, {}),
    ({"icon": "i"}, {"icon": "i"}, {}),
    ({"delayWhileIdle": True}, {}, {}),
    ({"sync": "true"}, {}, {}),
    ({"visibility": "private"}, {"visibility": "private"}, {}),
    ({"redact": "r"}, {"redact": "r"}, {}),
    ({"bridge": False}, {"bridge": "false"}, {}),
    ({"bridge": "true"}, {"bridge": "true"}, {}),
    ({"payload": ROUND}, {"payload": ROUND}, {}),
    ({"priority": "MAX"}, {"priority": "MAX"}, {}),
    ({"priority": "low"}, {"priority": "low"}, {"priority": "NORMAL"}),
    ({"sound": "song.mp3"}, {"sound": "song.mp3"}, {}),
    ({"timeToLive": 60}, {}, {"ttl": "60s"}),
    ({"timeToLive": 1.0}, {}, {"ttl": "1s"}),
    (
        {"lights": {"ledArgb": "BLACK", "ledOnMs": 1, "ledOffMs": "2"}},
        {"lights": {"ledARGB": "BLACK", "ledOnMS": 1, "ledOffMS": "2"}},
        {},
    ),
    ({"androidTitle": "t"}, {"androidTitle": "t"}, {}),
    ({"groupId": "g"}, {"groupId": "g"}, {}),
    ({"style": STYLE}, {"style": STYLE}, {}),
    ({"type": "DEFAULT"}, {"type": "DEFAULT"}, {}),
    ({"type": "SILENT"}, {"type": "SILENT"}, {"priority": "NORMAL"}),
]


async def door(scene: Scene, method: str, where: str, body: object, *, backend: bool = True) -> Json:
    headers = {"appSecret": scene.app_secret} if backend else {"clientSecret": scene.client_secret}
    answer = await scene.http.request(method, f"/imfpush/v1/apps/{scene.app}/{where}", json=body, headers=headers)
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


async def phone(scene: Scene, letter: str, name: str, **said: object) -> str:
    """A device that its app registered at the door; its token."""
    platform = {"A": "apns", "G": "fcm"}[letter]
    token = new_token(platform)
    await scene.providers.know(platform, [entry(platform, token, scene.project, {})])
    body = {"deviceId": name, "token": token, "platform": letter, **said}
    await door(scene, "POST", "devices", body, backend=False)
    return token


async def got(scene: Scene, platform: str, tokens: list[str], count: int) -> list[Json]:
    """So many requests for these devices, once they have come."""

    def asked() -> list[Json]:
        return scene.providers.asked(platform, tokens)

    await until(lambda: len(asked()) >= count, otherwise=lambda: f"{len(asked())} of {count}: {asked()}")
    assert all(one["status"] == 200 for one in asked())
    return asked()


async def post(scene: Scene, platform: str, said: Json, name: str) -> str:
    body = {
        "message": {"alert": "x", "url": "https://u"},
        "settings": {platform: said},
        "target": {"deviceIds": [name]},
    }
    return str((await door(scene, "POST", "messages", body))["messageId"])


async def test_each_field_for_apple_becomes_what_ibms_sdk_reads(scene: Scene) -> None:
    token = await phone(scene, "A", "i-1")
    ids = [await post(scene, "apns", said, "i-1") for said, _, _ in APNS]
    by_id = {}
    for one in await got(scene, "apns", [token], len(APNS)):
        payload = json.loads(one["body"])
        payload["payload"] = json.loads(payload["payload"])
        by_id[payload["payload"].pop("nid")] = payload, dict(one["headers"])
    plain = {"aps": {"alert": {"body": "x"}}, "payload": {}, "url": "https://u"}
    for id_, (said, more, headers) in zip(ids, APNS, strict=True):
        payload, sent = by_id[id_]
        assert payload == whole(plain, more), said
        assert {name: sent.get(name) for name in headers} == headers, said


async def test_each_field_for_android_becomes_what_ibms_sdk_reads(scene: Scene) -> None:
    token = await phone(scene, "G", "g-1")
    ids = [await post(scene, "gcm", said, "g-1") for said, _, _ in GCM]
    by_id = {}
    for one in await got(scene, "fcm", [token], len(GCM)):
        message = json.loads(one["body"])["message"]
        data = message["data"]
        for name in ("payload", "style", "lights"):
            if name in data:
                data[name] = json.loads(data[name])
        by_id[data["payload"].pop("nid")] = message
    plain = {"alert": "x", "url": "https://u", "payload": {}, "has-template": "0"}
    for id_, (said, more, android) in zip(ids, GCM, strict=True):
        message = by_id[id_]
        assert message["data"] == whole(plain, more), said
        assert "notification" not in message, "else the SDK is not asked"
        sent = message["android"]
        if "ttl" not in android:
            assert float(sent.pop("ttl")[:-1]) > 86_000
        assert sent == {"priority": "HIGH"} | android, said


async def test_each_target_reaches_those_whom_it_names(scene: Scene) -> None:
    await door(scene, "POST", "tags", {"name": "news"})
    tokens = {
        "i-1": await phone(scene, "A", "i-1", userId="ada"),
        "g-1": await phone(scene, "G", "g-1", userId="ada"),
        "g-2": await phone(scene, "G", "g-2", userId="bob", variables={"name": "Bob"}),
    }
    await door(scene, "POST", "subscriptions", {"deviceId": "i-1", "tagNames": ["news"]}, backend=False)
    everyone = {"i-1", "g-1", "g-2"}
    targets: list[tuple[Json | None, set[str]]] = [
        ({"deviceIds": ["g-2", "i-1", "nobody"]}, {"g-2", "i-1"}),
        ({"userIds": ["ada", "eve"]}, {"i-1", "g-1"}),
        ({"platforms": ["G"]}, {"g-1", "g-2"}),
        ({"tagNames": ["news", "other"]}, {"i-1"}),
        ({"tagNames": ["Push.ALL"]}, everyone),
        ({"platforms": ["A", "G"], "deviceIds": []}, everyone),
        (None, everyone),
    ]
    for n, (target, _) in enumerate(targets):
        body = {"message": {"alert": f"{n} for {{{{name}}}}"}} | ({"target": target} if target is not None else {})
        await door(scene, "POST", "messages", body)
    wanted = {(n, name) for n, (_, names) in enumerate(targets) for name in names}
    names = {token: name for name, token in tokens.items()}
    found = await got(scene, "apns", [tokens["i-1"]], sum(name == "i-1" for _, name in wanted))
    found += await got(scene, "fcm", [tokens["g-1"], tokens["g-2"]], sum(name != "i-1" for _, name in wanted))
    told = [(alert_of(one), names[one["token"]]) for one in found]
    expected = {(f"{n} for " + ("Bob" if name == "g-2" else ""), name) for n, name in wanted}
    assert (set(told), len(told)) == (expected, len(expected))


def test_every_field_is_tried_and_stands_on_the_page() -> None:
    tried = {name for said, _, _ in (*APNS, *GCM) for name in said} | {*STYLE, "ledArgb", "ledOnMs", "ledOffMs"}
    models = (Apns, Gcm, Lights, Style)
    fields = {to_camel(name) for model in models for name in model.model_fields} - {"channelId"}
    assert fields == tried
    cells = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("|")]
    rows = {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}
    documented = {f"target.{to_camel(name)}" for name in Target.model_fields}
    documented |= {f"settings.{to_camel(name)}" for name in Settings.model_fields} - {
        "settings.apns",
        "settings.gcm",
        "settings.fcm",
    }
    documented |= {to_camel(name) for model in (Apns, Gcm) for name in model.model_fields}
    assert documented <= rows, documented - rows


def whole(plain: Json, more: Json) -> Json:
    """One over the other; what the sender's own payload holds stays as it is, nulls too."""
    return merged(plain, {**more, "payload": {}}) | {"payload": more.get("payload", {})}


def alert_of(asked: Json) -> Any:
    said = json.loads(asked["body"])
    return said["aps"]["alert"]["body"] if "aps" in said else said["message"]["data"]["alert"]
