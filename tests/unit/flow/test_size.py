"""How large a send may be: by what it names, and counted as it would be posted alone."""

import json

import pytest

from shared.flow.send import Problem, SendRequest
from shared.flow.size import LARGE, SMALL, bytes_of, limit_broken, message_problems, most_bytes
from tests.unit.flow.send_fields import BASE, MANY, Json


@pytest.mark.parametrize(
    ("audience", "most"),
    [
        ({"everyone": True}, SMALL),
        ({"users": MANY[:10]}, SMALL),
        ({"users": MANY}, LARGE),
        ({"topic": "news"}, SMALL),
        ({"everyone": True, "exclude": {"users": MANY}}, LARGE),
        ({"everyone": True, "exclude": {"users": MANY[:10]}}, SMALL),
        ({"users": ["ada"] * 11}, SMALL),
        ({"users": [*MANY, "u1"]}, LARGE),
    ],
)
def test_a_send_that_names_many_may_be_larger(audience: Json, most: int) -> None:
    assert most_bytes(SendRequest.model_validate({**BASE, "audience": audience})) == most


def test_values_that_stay_in_the_send_are_small_whoever_is_left_out() -> None:
    few = {"users": ["ada"] * 11, "exclude": {"users": MANY}}
    request = SendRequest.model_validate({**BASE, "audience": few, "values": {"ada": {}}})
    assert most_bytes(request) == SMALL
    assert (limit_broken(request, SMALL), limit_broken(request, SMALL + 1)) == (None, SMALL)


@pytest.mark.parametrize("whom", [{"users": MANY}, {"everyone": True, "exclude": {"users": MANY}}])
def test_many_recipients_make_room_for_no_larger_message(whom: Json) -> None:
    """Which is kept in one document, and no limit of a provider counts all that is in a raw block."""
    raw = {"android": {"restricted_package_name": "x" * SMALL}}
    found = [
        message_problems(SendRequest.model_validate({"audience": whom, "message": {"title": "x", **more}}))
        for more in ({}, {"fcm": raw})
    ]
    assert [[one.pointer for one in each] for each in found] == [[], ["/message"]]


def test_a_problem_has_the_place_that_a_name_of_any_length_lies_in() -> None:
    assert Problem(pointer=f"/audience/tokens/{'x' * 10_000}/0", detail="").pointer == "/audience/tokens"
    assert Problem(pointer="x" * 10_000, detail="").pointer == ""
    assert Problem(pointer="/message/a~1b", detail="").pointer == "/message/a~1b"


def test_bytes_are_those_of_the_compact_text_and_not_of_its_escapes() -> None:
    said = {"title": "Ж" * 100, "emoji": "🔔", "half": "\ud800", "list": [1, {"a": None}]}
    assert bytes_of(said) == len('{"title":"","emoji":"","half":"","list":[1,{"a":null}]}') + 200 + 4 + 3
    assert bytes_of({**said, "app": "a1", "do": "replace"}, frozenset({"app", "do", "key"})) == bytes_of(said)
    assert bytes_of(said) <= len(json.dumps(said))
