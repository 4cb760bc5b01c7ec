"""What of IBM's door needs no server: tokens, variables in an alert, and how a request becomes a send."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ingest.doors.ibm import token
from services.ingest.doors.ibm.mapping import placed, send_of
from services.ingest.doors.ibm.registration import DevicePage
from services.ingest.doors.ibm.request import PushMessage
from services.ingest.doors.ibm.sent import MessagePage
from services.ingest.doors.ibm.variables import NotFilled, filled
from services.ingest.doors.ibm.wording import Page
from shared.flow.accept import RouteTarget
from shared.flow.send import Problem, SendRequest
from shared.providers.registry import check_message

pytestmark = pytest.mark.anyio
NOW = datetime(2030, 1, 1, tzinfo=UTC)
APNS = RouteTarget("v-apns", "apns", SimpleNamespace())
SANDBOX = RouteTarget("v-sandbox", "apns", SimpleNamespace())
FCM = RouteTarget("v-fcm", "fcm", SimpleNamespace())


Json = dict[str, Any]
texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["{{a}}", "{% x", "x" * 3000])
names = texts.filter(lambda text: 0 < len(text) <= 256)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda one: st.lists(one, max_size=2), max_leaves=4
)
objects = st.dictionaries(texts, values, max_size=3)
apns: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "badge": st.integers(0, 2**31 - 1), "category": names, "payload": objects, "sound": names, "title": texts,
        "subtitle": texts, "locKey": texts, "locArgs": st.lists(texts, max_size=3), "attachmentUrl": texts,
        "type": st.sampled_from(["DEFAULT", "mixed", "SILENT"]), "apnsCollapseId": names, "apnsThreadId": names,
        "apnsGroupSummaryArgCount": st.integers(), "iosActionKey": texts,
    },
)  # fmt: skip
gcm: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "collapseKey": names, "icon": texts, "payload": objects, "priority": st.sampled_from(["min", "MAX"]),
        "timeToLive": st.floats(0, 2_419_200), "androidTitle": texts, "redact": texts, "bridge": st.booleans(),
        "type": st.sampled_from(["default", "SILENT"]), "lights": st.fixed_dictionaries({"ledArgb": texts}),
        "style": st.fixed_dictionaries({"lines": st.lists(texts, max_size=2), "text": texts}),
    },
)  # fmt: skip


class Secrets:
    """Knows one app's secrets, as the store does."""

    def __init__(self, app: str, *secrets: str) -> None:
        self.app = app
        self.keys = [hashlib.sha256(one.encode()).digest() for one in secrets]

    async def signed(self, app: str, body: bytes, signature: str) -> bool:
        right = [hmac.digest(key, body, hashlib.sha256).hex() for key in self.keys]
        return app == self.app and signature in right


def read(**said: Any) -> PushMessage:
    return PushMessage.model_validate_json(json.dumps({"message": {"alert": "x"}} | said), strict=True)


def mapped(*targets: RouteTarget, variant: str = "", **said: Any) -> SendRequest:
    found = send_of(read(**said), "m-1", targets or [APNS, FCM], variant)
    assert isinstance(found, SendRequest), found
    return found


async def test_a_token_speaks_for_its_app_until_it_expires_or_its_secret_does() -> None:
    text = str(token.grant("a1b2c3", "as_secret", NOW))
    secrets = Secrets("a1b2c3", "as_newer", "as_secret")
    assert await token.app_of(text, secrets, NOW) == "a1b2c3"
    assert await token.app_of(text, secrets, NOW + token.LIFE - timedelta(seconds=1)) == "a1b2c3"
    assert await token.app_of(text, secrets, NOW + token.LIFE) is None
    assert await token.app_of(text, Secrets("a1b2c3", "as_newest", "as_newer"), NOW) is None


async def test_a_token_that_was_touched_speaks_for_nobody() -> None:
    real = token.grant("a1b2c3", "s", NOW)
    secrets = Secrets("a1b2c3", "s")
    for wrong in (
        f"ibm.a1b2c4.{real.expires}.{real.signature}",
        f"ibm.a1b2c3.{real.expires + 1}.{real.signature}",
        f"ibm.a1b2c3.{real.expires}.{real.signature[:-1]}",
        f"ibm.a1b2c3.{'9' * 400}.{real.signature}",
        f"ibm.a1b2c3.\u0661.{real.signature}",
        f"ibm.A.{real.expires}.{real.signature}",
        f"{real}.x", "ibm", "ibm...", "",
    ):  # fmt: skip
        assert await token.app_of(wrong, secrets, NOW) is None, wrong


def test_variables_are_templates_of_ours_and_nothing_else_is() -> None:
    plain = {"body": "Hi", "fcm": {"data": {"alert": "Hi", "url": "{{x}}"}}}
    assert filled(plain) == plain
    said = filled({"body": "Hi {{ name }}", "fcm": {"data": {"alert": "Hi {{ name }}", "payload": '{"a":{"b":{}}}'}}})
    template = 'Hi {{ device.attributes.name | default("") }}'
    assert (said["template"], said["body"], said["fcm"]["data"]["alert"]) == (True, template, template)
    for body, url in (("{{a}} {% if %}", ""), ("{{a}} {{b c}}", ""), ("{{a}}", "{{a}}"), ("{{a}}", "{#")):
        with pytest.raises(NotFilled):
            filled({"body": body, "apns": {"payload": {"list": [{"url": url}]}}})


def test_a_message_says_only_what_its_variants_platforms_read() -> None:
    assert set(mapped(APNS).message.raw) == {"apns"}
    assert set(mapped().message.raw) == {"apns", "fcm"}
    assert set(mapped(target={"platforms": ["G"]}).message.raw) == {"fcm"}
    one = mapped(APNS, SANDBOX, FCM, variant="v-sandbox")
    assert (one.audience.variants, one.audience.everyone, set(one.message.raw)) == (("v-sandbox",), False, {"apns"})


def test_an_alert_is_needed_where_something_would_be_shown() -> None:
    silent = {"apns": {"type": "silent", "badge": 1, "sound": "s"}}
    for targets, settings, fits in (
        ([APNS], silent, True), ([APNS, FCM], silent, False), ([FCM], silent, False), ([APNS], {}, False),
        ([APNS, FCM], {**silent, "gcm": {"type": "SILENT"}}, True),
    ):  # fmt: skip
        for message in ({}, {"alert": ""}):
            found = send_of(read(message=message, settings=settings), "m-1", targets)
            assert isinstance(found, SendRequest) == fits, (targets, settings)


def test_nulls_are_as_good_as_nothing() -> None:
    settings = {"apns": {"badge": None}, "gcm": None, "chromeWeb": None}
    assert mapped(settings=settings, target={"userIds": None}) == mapped()


def test_android_settings_go_by_either_name() -> None:
    said = {"androidTitle": "t"}
    assert mapped(settings={"fcm": said}) == mapped(settings={"gcm": said}) != mapped()
    with pytest.raises(ValidationError):
        read(settings={"fcm": said, "gcm": said})


def test_problems_are_told_in_ibms_places() -> None:
    for ours, theirs in (
        ("/message/apns/aps/sound", "/settings/apns/aps/sound"),
        ("/message/body", "/message/alert"),
        ("/audience/platforms/0", "/target/platforms/0"),
        ("/confirm", "/confirm"),
    ):
        assert placed(Problem(pointer=ours, detail="d")).pointer == theirs


def test_what_json_cannot_say_is_a_problem_and_no_failure() -> None:
    body = '{"message": {"alert": "x"}, "settings": {"gcm": {"payload": {"n": NaN}}}}'
    found = send_of(PushMessage.model_validate_json(body), "m-1", [APNS, FCM])
    assert isinstance(found, Problem)
    assert found.pointer == "/settings"


@given(alert=texts, apns=apns, gcm=gcm)
def test_whatever_fits_the_model_is_a_send_or_a_problem_in_ibms_places(alert: str, apns: Json, gcm: Json) -> None:
    said = {"message": {"alert": alert}, "settings": {"apns": apns, "gcm": gcm}}
    found = send_of(PushMessage.model_validate_json(json.dumps(said), strict=True), "m-1", [APNS, FCM])
    problems = [found] if isinstance(found, Problem) else check_message(found.message, {"apns": [], "fcm": []})
    for one in problems:
        pointer = one.pointer if isinstance(found, Problem) else placed(under_message(one)).pointer
        assert pointer.startswith(("/message", "/settings")), one


def under_message(problem: Problem) -> Problem:
    return Problem(pointer=f"/message{problem.pointer}", detail=problem.detail)


@pytest.mark.parametrize("target", [{"userIds": []}, {"deviceIds": [], "tagNames": []}])
def test_a_list_of_nobody_is_not_everybody(target: Json) -> None:
    wanted = PushMessage.model_validate({"message": {"alert": "x"}, "target": target})
    found = send_of(wanted, "m-1", [APNS, FCM])
    assert isinstance(found, Problem)
    assert found.pointer == f"/target/{next(iter(target))}"


def test_a_page_names_its_neighbours() -> None:
    first = Page(size=10).info("/x", 10, 25)
    assert (first.next, first.previous) == ("/x?offset=10&size=10", "")
    last = Page(offset=20, size=10).info("/x", 5, 25)
    assert (last.next, last.previous) == ("", "/x?offset=10&size=10")
    of_one = DevicePage(size=1, userId="a&b", filter="platform==A").info("/x", 1, 2)
    assert of_one.next == "/x?offset=1&size=1&userId=a%26b&filter=platform%3D%3DA", "the same question"
    furthest = MessagePage(offset=1000, size=10).info("/x", 10, 1500)
    assert (furthest.next, furthest.previous) == ("", "/x?offset=990&size=10"), "no further than may be asked"
