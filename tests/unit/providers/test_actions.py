"""The buttons of a message: where they land on each platform, in each language, and with each device's own texts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.flow.device import Device
from shared.flow.message import Message
from shared.providers.apns.settings import ApnsSettings
from shared.providers.contract import Context, Request
from shared.providers.fcm.settings import FcmSettings
from shared.providers.localized import prepared
from shared.providers.registry import check_message, provider

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONTEXT = Context("app1.send0001", "send0001", NOW + timedelta(hours=24), NOW, variant="vphones")
ACTIONS = [{"id": "yes", "title": 'Ja, "gern"', "link": "app://yes"}, {"id": "no", "title": "Nein", "icon": "cross"}]
SAID: dict[str, Any] = {"title": "Kommst du?", "actions": ACTIONS}
ODD = 'a "b" \\ \n %s 😀'


@pytest.fixture
def settings(by_token: ApnsSettings, firebase: FcmSettings) -> dict[str, Any]:
    return {"apns": by_token, "fcm": firebase}


def sent(message: dict[str, Any], platform: str, settings: dict[str, Any], **facts: Any) -> dict[str, Any]:
    said = Message.model_validate(message)
    assert check_message(said, {platform: [settings[platform]]}) == []
    device = Device(bytes(12), "ab" * 32, "ada", facts)
    request = prepared(provider(platform), said, settings[platform], CONTEXT).requests([device]).only()
    assert isinstance(request, Request)
    body: dict[str, Any] = json.loads(request.body)
    return body if platform == "apns" else body["message"]


def test_apple_gets_them_beside_aps_for_the_service_extension(settings: dict[str, Any]) -> None:
    body = sent(SAID, "apns", settings)
    assert body["actions"] == ACTIONS
    assert body["aps"] == {"alert": {"title": "Kommst du?"}, "mutable-content": 1}
    assert "mutable-content" not in sent({"actions": ACTIONS}, "apns", settings)["aps"]


def test_android_gets_them_as_data_and_browsers_as_their_own(settings: dict[str, Any]) -> None:
    body = sent(SAID, "fcm", settings)
    assert json.loads(body["data"]["actions"]) == ACTIONS
    assert body["webpush"]["notification"] == {
        "actions": [{"action": "yes", "title": 'Ja, "gern"'}, {"action": "no", "title": "Nein"}]
    }
    assert body["apns"]["payload"]["aps"]["mutable-content"] == 1
    assert "notification" not in sent({"actions": ACTIONS}, "fcm", settings)["webpush"]


def test_the_raw_block_wins_over_them(settings: dict[str, Any]) -> None:
    block = {"data": {"actions": None}, "webpush": {"notification": {"actions": []}}}
    body = sent({**SAID, "fcm": block, "apns": {"payload": {"actions": 1}}}, "fcm", settings)
    assert "data" not in body or "actions" not in body["data"]
    assert body["webpush"]["notification"] == {"actions": []}


@pytest.mark.parametrize(
    "attribute", ["{{ device.attributes.name }}", "{% if true %}{{ device.attributes.name }}{% endif %}"]
)
def test_their_texts_are_templates_also_inside_of_a_text(settings: dict[str, Any], attribute: str) -> None:
    actions = [
        {"id": "see", "title": f'See "{attribute}"', "link": "app://{{ device.user }}", "icon": f"https://{attribute}"}
    ]
    message = {"template": True, "title": attribute, "badge": "{{ device.attributes.n }}", "actions": actions}
    wanted = [{"id": "see", "title": f'See "{ODD}"', "link": "app://ada", "icon": f"https://{ODD}"}]
    facts = {"attributes": {"name": ODD, "n": 3}}
    assert sent(message, "apns", settings, **facts)["actions"] == wanted
    body = sent(message, "fcm", settings, **facts)
    assert json.loads(body["data"]["actions"]) == wanted
    assert body["notification"]["title"] == ODD
    assert body["android"]["notification"]["notification_count"] == 3
    assert body["webpush"]["notification"]["actions"] == [
        {"action": "see", "title": f'See "{ODD}"', "icon": f"https://{ODD}"}
    ]


def test_a_translation_gives_titles_by_id(settings: dict[str, Any]) -> None:
    message = {**SAID, "localized": {"en": {"title": "Coming?", "actions": {"yes": "Yes"}}}}
    assert [one["title"] for one in sent(message, "apns", settings, locale="en-GB")["actions"]] == ["Yes", "Nein"]
    said = Message.model_validate({**SAID, "localized": {"en": {"actions": {"maybe": "Perhaps"}}}})
    assert [one.pointer for one in check_message(said, {})] == []
    assert [one.pointer for one in check_message(said, {"apns": [settings["apns"]]})] == ["/localized/en/actions/maybe"]


def test_what_is_said_twice_is_refused(settings: dict[str, Any]) -> None:
    twice = Message.model_validate({**SAID, "data": {"actions": "x"}})
    for platform in ("apns", "fcm"):
        assert [one.pointer for one in check_message(twice, {platform: [settings[platform]]})] == ["/data/actions"]
    with pytest.raises(ValidationError, match="two actions have the same id"):
        Message.model_validate({"title": "x", "actions": [ACTIONS[0], ACTIONS[0]]})
