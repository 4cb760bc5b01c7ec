"""The bodies of personalised messages against an independent rendering: Python's own formatting and `json.dumps`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.device import Device
from shared.flow.message import Message
from shared.flow.verdict import Fate
from shared.providers.apns.settings import ApnsSettings
from shared.providers.contract import Context, Made, Refusal, Request
from shared.providers.fcm.settings import FcmSettings
from shared.providers.registry import check_message, provider
from shared.templates.places import uses
from shared.templates.variables import stored_fields
from tests.unit.providers import credentials

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONTEXT = Context("app1.send0001", "send0001", NOW + timedelta(hours=24), NOW, variant="vphones")
SETTINGS: dict[str, Any] = {
    "apns": ApnsSettings(
        environment="production",
        topic=credentials.TOPIC,
        key=credentials.p8(),
        key_id="ABC123DEFG",
        team_id="DEF123GHIJ",
    ),
    "fcm": FcmSettings.model_validate({"service_account": credentials.service_account()}),
}
PLATFORMS = ("apns", "fcm")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SAID = st.fixed_dictionaries({"name": TEXT, "unread": st.integers(0, 2**31 - 1), "town": TEXT})
PERSONAL = Message.model_validate(
    {
        "template": True,
        "title": "Hi {{ device.attributes.name }}, 100 %s",
        "subtitle": "{{ device.attributes.town|default('nowhere') }}",
        "body": "{% if device.attributes.unread > 1 %}{{ device.attributes.unread }} news{% else %}nothing{% endif %}",
        "badge": " {{ device.attributes.unread }} ",
        "sound": "{{ device.locale|default('default') }}",
        "link": "https://x/{{ device.id }}?{{ device.user|urlencode }}",
        "thread": "constant",
        "actions": [
            {"id": "see", "title": "See {{ device.attributes.name }}", "link": "x:{{ device.app_version }}"},
            {"id": "no", "title": "{% if device.language == 'pt' %}Não{% endif %}", "icon": "cross"},
        ],
        "data": {"tags": "{{ device.tags|join(',') }}", "what": "{{ device.platform }} {{ device.variant }}", "k": "{"},
        "apns": {"payload": {"deep": [{"zone": "{{ device.zone }}"}, 1, None]}},
        "fcm": {"data": {"zone": "{{ device.zone }}"}},
    }
)


def device(number: int, said: dict[str, Any], platform: str = "apns") -> Device:
    token = f"{number:064x}" if platform == "apns" else f"token-{number}"
    facts = {"attributes": said, "zone": "Europe/Berlin", "tags": ["a", "b"], "locale": "pt-BR", "app_version": "1.2"}
    return Device(number.to_bytes(12, "big"), token, f"u {number}", facts)


def by_hand(one: Device, said: dict[str, Any], platform: str) -> Message:
    """The message as it would be sent to this device alone, without templates."""
    unread = said["unread"]
    zone = "Europe/Berlin"
    raw: dict[str, Any] = (
        {"payload": {"deep": [{"zone": zone}, 1, None]}} if platform == "apns" else {"data": {"zone": zone}}
    )
    return Message.model_validate(
        {
            "title": f"Hi {said['name']}, 100 %s",
            "subtitle": said.get("town", "nowhere"),
            "body": f"{unread} news" if unread > 1 else "nothing",
            "badge": unread,
            "sound": "pt-BR",
            "actions": [
                {"id": "see", "title": f"See {said['name']}", "link": "x:1.2"},
                {"id": "no", "title": "Não", "icon": "cross"},
            ],
            "link": f"https://x/{one.id.hex()}?u%20{int.from_bytes(one.id, 'big')}",
            "thread": "constant",
            "data": {"tags": "a,b", "what": f"{platform} vphones", "k": "{"},
            platform: raw,
        }
    )


def made(message: Message, devices: list[Device], platform: str) -> Made:
    return provider(platform).prepare(message, SETTINGS[platform], CONTEXT).requests(devices)


@pytest.mark.parametrize("platform", PLATFORMS)
@given(st.lists(SAID, min_size=1, max_size=40))
def test_every_body_is_the_one_that_the_message_written_by_hand_has(
    platform: str, everyone: list[dict[str, Any]]
) -> None:
    devices = [device(n, said, platform) for n, said in enumerate(everyone)]
    found = made(PERSONAL, devices, platform)
    assert found.requests.count == len(devices)
    for n, (one, said) in enumerate(zip(devices, everyone, strict=True)):
        alone = made(by_hand(one, said, platform), [one], platform)
        assert found.requests.one(n) == alone.only()


@given(SAID)
def test_the_payload_is_what_json_dumps_makes_of_the_values(said: dict[str, Any]) -> None:
    message = Message.model_validate(
        {"template": True, "title": "{{ device.attributes.name }}", "badge": "{{ device.attributes.unread }}",
         "data": {"a": "{{ device.attributes.town }}!", "b": "{{ device.attributes.unread }}"}}
    )  # fmt: skip
    request = made(message, [device(1, said)], "apns").only()
    assert isinstance(request, Request)
    alert = {"alert": {"title": said["name"]}, "badge": said["unread"]}
    payload = {"a": f"{said['town']}!", "b": f"{said['unread']}", "aps": alert}
    assert request.body == json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_who_lacks_a_value_is_one_failure_and_who_gets_too_much_is_rejected(platform: str) -> None:
    said: list[dict[str, Any]] = [
        {"name": "Ann", "unread": 2},
        {"unread": 2},
        {"name": None, "unread": 2},
        {"name": "Bob", "unread": "many"},
        {"name": "Cy", "unread": -1},
        {"name": "Di", "unread": 2**31},
        {"name": "Ed", "unread": True},
        {"name": "x" * 5000, "unread": 2},
        {"name": "Flo", "unread": 0},
    ]
    message = Message(template=True, title="{{ device.attributes.name }}", badge="{{ device.attributes.unread }}")
    devices = [device(n, one, platform) for n, one in enumerate(said)]
    found = made(message, [*devices, Device(bytes(12), devices[0].token)], platform)
    assert [one.id[-1] for one in found.devices] == [0, 8]
    assert found.requests.count == len(found.requests.bodies) == 2
    assert found.requests.one(1) == made(Message(title="Flo", badge=0), [devices[8]], platform).only()
    ended = [(one.fate, one.reason) for _, one in found.refused]
    assert ended.count((Fate.FAILED, "rendering")) == 7
    assert ended.count((Fate.REJECTED, "PayloadTooLarge")) == 1


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("letter", ["x", '"', "ö", "😀", "\n"])
def test_the_limit_of_a_rendered_body_is_the_limit_of_the_same_text_unrendered(platform: str, letter: str) -> None:
    def fits(message: Callable[[str], Message], text: str) -> bool:
        return isinstance(made(message(text), [device(1, {"t": text}, platform)], platform).only(), Request)

    def personal(_: str) -> Message:
        return Message(template=True, title="{{ device.attributes.t }}", data={"t": "{{ device.attributes.t }}"})

    def plain(text: str) -> Message:
        return Message(title=text, data={"t": text})

    longest = max(n for n in range(4096 // 2) if n == 0 or fits_within(plain, letter, n, platform))
    assert fits(personal, letter * longest)
    assert not fits(personal, letter * (longest + 1))


def fits_within(message: Callable[[str], Message], letter: str, times: int, platform: str) -> bool:
    return not check_message(message(letter * times), {platform: (SETTINGS[platform],)})


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_message_in_which_nothing_differs_is_made_once(platform: str) -> None:
    plain = {"title": "100 % {", "badge": 3}
    two = [device(1, {}, platform), device(2, {}, platform)]
    same = made(Message.model_validate({"template": True, **plain}), two, platform)
    assert same == made(Message.model_validate(plain), two, platform)


def test_a_template_for_one_platform_only_is_rendered_there_only() -> None:
    message = Message.model_validate(
        {"template": True, "title": "T", "fcm": {"data": {"a": "{{ device.attributes.b }}"}}}
    )
    assert uses(message, "apns") == frozenset()
    assert uses(message, "fcm") == {"device.attributes.b"}
    assert isinstance(made(message, [device(1, {})], "apns").only(), Request)
    assert isinstance(made(message, [device(1, {}, "fcm")], "fcm").only(), Refusal)


def test_only_what_templates_use_is_read_of_a_device() -> None:
    assert stored_fields(uses(PERSONAL, "apns")) == {
        "attributes.name", "attributes.town", "attributes.unread", "app_version", "locale", "tags", "user", "zone",
    }  # fmt: skip


def test_a_raw_token_without_a_registration_has_an_id_and_nothing_else() -> None:
    stranger = Device(bytes(12), "ab" * 32)
    for text, sent in (("{{ device.id }}", True), ("{{ device.tags|join }}", False), ("{{ device.user }}", False)):
        assert isinstance(made(Message(template=True, title=text), [stranger], "apns").only(), Request) is sent


def test_a_template_that_a_newer_door_would_refuse_fails_its_recipients_and_nothing_else() -> None:
    message = Message(template=True, title="{{ nobody }}")
    for platform in PLATFORMS:
        refusal = made(message, [device(1, {}, platform)], platform).only()
        assert isinstance(refusal, Refusal)
        assert (refusal.fate, refusal.reason) == (Fate.FAILED, "rendering")
