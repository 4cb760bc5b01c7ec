"""An erased user's name is nowhere in what was asked for; everything else says what it said before."""

import json
from typing import Any

import pytest

from services.reporter.nameless import Nobody, filter_without, names_one, without
from shared.flow.accept import RouteTarget, accept, unread
from shared.flow.filter import Filter
from shared.flow.send import Problem, Send, SendRequest
from shared.runtime.clock import FixedClock

NOW = FixedClock().now()
ADA, TOKEN, DEVICE = "ada/of~london", "her-token", "ab" * 12
NAMES = {ADA, TOKEN, DEVICE}
NOBODY = Nobody()


def send(audience: dict[str, Any], **more: Any) -> Send:
    request = SendRequest.model_validate({"audience": audience, "message": {"title": "Hello"}, **more}, strict=False)
    return accept(request, "app", "app.send0001", [RouteTarget("v1", "apns")], NOW, check=lambda *_: [])


@pytest.mark.parametrize(
    "audience",
    [
        {"users": [ADA]}, {"devices": [DEVICE]}, {"tokens": {"v1": [TOKEN]}},
        {"users": [ADA, "bob"]}, {"devices": [DEVICE, "cd" * 12]}, {"tokens": {"v1": [TOKEN, "his"]}},
        {"everyone": True, "exclude": {"users": [ADA, "bob"], "devices": [DEVICE]}},
        {"filter": {"and": [{"field": "user", "in": [ADA, "bob"]}, {"not": {"field": "attributes.boss", "eq": ADA}}]}},
    ],
)  # fmt: skip
def test_nobody_stands_in_the_place_of_the_erased_and_the_others_in_theirs(audience: dict[str, Any]) -> None:
    before = send(audience)
    after = without(before, NAMES, NOBODY)
    assert after is not None
    text = after.model_dump_json()
    assert not any(json.dumps(name)[1:-1] in text for name in NAMES)
    assert ("bob" in text, "cd" * 12 in text, "his" in text) == tuple(
        one in before.model_dump_json() for one in ("bob", "cd" * 12, "his")
    )
    assert after.request.audience.named == before.request.audience.named
    alone = before.request.audience.named == 1
    assert (after.request.message.title is None) is alone
    assert Send.model_validate_json(text) == after, "it can be read again"
    assert without(after, NAMES, Nobody()) is None, "once is enough"


def test_a_list_that_begins_with_the_erased_keeps_what_it_says_to_the_others() -> None:
    after = without(send({"users": [ADA, *(f"u{n}" for n in range(40))]}), NAMES, NOBODY)
    assert after is not None
    assert after.request.message.title == "Hello"


def test_values_and_the_pointers_of_a_rejected_send_forget_the_name() -> None:
    said = {"title": "{{ values.seat|default('?') }}", "template": True}
    own = send({"users": [ADA, "bob"]}, message=said, values={ADA: {"seat": "3L"}, "bob": {"seat": "4R"}})
    after = without(own, NAMES, NOBODY)
    assert after is not None
    assert after.request.values == {"bob": {"seat": "4R"}}
    wrong = Problem(pointer="/values/ada~1of~0london/seat", detail="too long")
    rejected = without(unread("app", "app.send0002", [wrong, Problem(pointer="/ttl", detail="x")], NOW), NAMES, NOBODY)
    assert rejected is not None
    assert [one.pointer for one in rejected.problems] == [f"/values/{NOBODY.text}/seat", "/ttl"]


def test_who_is_not_named_changes_nothing() -> None:
    for audience in ({"users": ["adam"]}, {"everyone": True}, {"filter": {"field": "user", "eq": "adam"}}):
        assert without(send(audience), NAMES, NOBODY) is None
    one = Filter.model_validate({"or": [{"field": "user", "eq": "bob"}, {"field": "tags", "exists": True}]})
    assert filter_without(one, NAMES, NOBODY) == one


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (json.dumps({"app": "app", "audience": {"users": [ADA]}}), True),
        (json.dumps({"app": "app", "values": {ADA: {}}}), True),
        (json.dumps({"commands": [{"app": "app"}, {"app": "app", "x": [[{"y": TOKEN}]]}]}), True),
        (json.dumps({"audience": {"devices": [DEVICE]}}), True),
        (json.dumps({"app": "other", "audience": {"users": [ADA]}}), False),
        (json.dumps({"app": "app", "audience": {"users": [f"{ADA}2"]}}), False),
        (json.dumps({"slices": [{"id": "app.send0001.0.0"}]}), False),
        ('{"app": "app", "audience": {"users": ["ada/of~london"', True),
        ("\x00\xff her-token", True),
        ("\x00\xff his-token", False),
        ("[" * 100_000, False),
        ("7", False),
    ],
)  # fmt: skip
def test_a_message_names_somebody_in_its_json_or_anywhere_in_what_is_none(body: str, named: bool) -> None:  # noqa: FBT001
    assert names_one(body.encode(), "app", NAMES) is named
