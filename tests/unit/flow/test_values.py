"""What a send says of each of its recipients: which values there may be, and how many are kept where."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from shared.flow.accept import RouteTarget, accept, lists_of
from shared.flow.send import Send, SendRequest

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TARGETS = [RouteTarget("v1", "apns")]


def request(users: list[str], **more: Any) -> SendRequest:
    message = {"template": True, "title": "{{ values.seat }}"}
    return SendRequest.model_validate({"audience": {"users": users}, "message": message, **more})


def accepted(wanted: SendRequest) -> Send:
    return accept(wanted, "app", "app.send", TARGETS, NOW, check=lambda *_: [])


@pytest.mark.parametrize("value", ["x" * 1024, 0, -1.5, 2**53, True, None, [], ["a", 1, False], "ünï"])
def test_a_value_is_a_text_a_number_a_truth_or_a_list_of_them(value: object) -> None:
    assert request(["ada"], values={"ada": {"seat": value}}).values == {"ada": {"seat": value}}


@pytest.mark.parametrize("value", ["x" * 1025, 2**53 + 1, float("nan"), {}, [[]], ["x"] * 51, [None]])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        request(["ada"], values={"ada": {"seat": value}})


@pytest.mark.parametrize("name", ["", "a b", "1st", "x" * 65])
def test_a_name_is_one_that_a_template_can_say(name: str) -> None:
    with pytest.raises(ValidationError):
        request(["ada"], values={"ada": {name: 1}})


def test_values_are_for_users_that_the_send_names_and_for_templates() -> None:
    stranger = accepted(request(["ada"], values={"eve/x~": {"seat": 1}}))
    assert [one.pointer for one in stranger.problems] == ["/values/eve~1x~0"]
    plain = accepted(request(["ada"], values={"ada": {}}, message={"title": "x"}))
    assert [one.pointer for one in plain.problems] == ["/values"]
    everyone = accepted(request(["ada"], values={}, audience={"everyone": True}))
    assert [one.pointer for one in everyone.problems] == ["/values"]


def test_those_of_few_users_stay_in_the_send() -> None:
    send = accepted(request(["ada", "bob", "ada"], values={"ada": {"seat": "3L"}}))
    assert (send.lists, send.request.values, send.personal) == ({}, {"ada": {"seat": "3L"}}, True)
    assert Send.model_validate_json(send.model_dump_json(exclude_defaults=True)) == send


def test_those_of_many_are_listed_with_their_users_in_the_order_of_the_audience() -> None:
    users = [f"u{n}" for n in range(30)]
    wanted = request([*users, "u0"], values={"u7": {"seat": "ü"}})
    send, lists = accepted(wanted), lists_of(wanted)
    assert (send.lists, send.request.values, send.personal) == ({"recipients": (30,)}, None, True)
    assert [json.loads(one) for one in lists["recipients"]] == [
        [user, {"seat": "ü"} if user == "u7" else {}] for user in users
    ]


def test_without_values_nothing_is_personal() -> None:
    assert not accepted(request(["ada"])).personal
    assert lists_of(request([f"u{n}" for n in range(11)])).keys() == {"users"}


def test_a_send_without_a_message_says_nothing() -> None:
    nothing = SendRequest.model_validate({"audience": {"everyone": True}})
    assert [one.pointer for one in accepted(nothing).problems] == ["/message"]
