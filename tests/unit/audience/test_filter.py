"""What a sender may write in a filter, and what he is told about the rest."""

import json
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from shared.flow.accept import Terms, accept
from shared.flow.filter import Filter
from shared.flow.resolving import filter_problem, fixed, possible
from shared.flow.segment import Segment
from shared.flow.send import Send, SendRequest
from shared.providers.registry import problems_of
from shared.store.filtering import compiled
from tests.unit.audience.devices import NOW, filters
from tests.unit.ingest.requests import VARIANTS

Json = dict[str, Any]
TAGGED: Json = {"field": "tags", "eq": "a"}


def nested(deep: int) -> Json:
    return TAGGED if deep == 1 else {"not": nested(deep - 1)}


def asked(filter_: Json, **more: Any) -> SendRequest:
    body = {"audience": {"filter": filter_, **more}, "message": {"title": "Ding"}}
    return SendRequest.model_validate_json(json.dumps(body), strict=True)


def sent(request: SendRequest, **segments: Json) -> Send:
    terms = Terms(segments={name: Filter.model_validate(one) for name, one in segments.items()})
    return accept(request, "a1", "a1.send0001", VARIANTS, NOW, check=lambda *_: (), terms=terms)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({}, ""),
        ({"field": "zone"}, ""),
        ({"eq": 1}, ""),
        ({**TAGGED, "not": TAGGED}, ""),
        ({"field": "password", "eq": "x"}, "field"),
        ({"field": "attributes.$where", "eq": "x"}, "field"),
        ({"field": "attributes.a.b", "eq": "x"}, "field"),
        ({"field": "tags", "$ne": "x"}, "$ne"),
        ({"field": "tags", "eq": {"$ne": "x"}}, "eq"),
        ({"field": "tags", "in": [{"$gt": ""}]}, "in/0"),
        ({"field": "tags", "in": []}, "in"),
        ({"field": "tags", "in": ["a", "b", 5]}, "in/2"),
        ({"field": "tags", "eq": 5}, "eq"),
        ({"field": "tags", "gt": "a"}, "gt"),
        ({"field": "locale", "gte": "de"}, "gte"),
        ({"field": "language", "eq": "pt-BR"}, "eq"),
        ({"field": "app_version", "eq": "newest"}, "eq"),
        ({"field": "registered_at", "gte": "2030-01-01"}, "gte"),
        ({"field": "registered_at", "eq": "2030-01-01T00:00:00Z"}, "eq"),
        ({"field": "attributes.age", "gte": "18"}, "gte"),
        ({"field": "attributes.age", "gte": True}, "gte"),
        ({"field": "attributes.age", "gt": 5, "lt": "18"}, "lt"),
        ({"field": "attributes.age", "eq": 2**53 + 1}, "eq"),
        ({"field": "attributes.age", "eq": "x" * 257}, "eq"),
        ({"field": "attributes.age", "exists": 1}, "exists"),
        ({"and": []}, "and"),
        ({"or": [TAGGED, {"field": "zone"}]}, "or/1"),
        ({"and": [{"or": [{"not": {"field": "tags", "in": ["a", 5]}}]}]}, "and/0/or/0/not/in/1"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place_and_nowhere_else(wrong: Json, where: str) -> None:
    with pytest.raises(ValidationError) as refused:
        asked(wrong)
    place = f"/audience/filter/{where}".rstrip("/")
    assert [one.pointer for one in problems_of(refused.value)] == [place]


def test_depth_and_number_of_conditions_are_bounded() -> None:
    assert not sent(asked(nested(5))).problems
    assert [one.pointer for one in sent(asked(nested(6))).problems] == ["/audience/filter"]
    assert not sent(asked({"or": [TAGGED] * 50})).problems
    wide = {"and": [{"or": [TAGGED] * 30}, {"or": [TAGGED] * 30}]}
    assert "at most 50" in sent(asked(wide)).problems[0].detail
    values = {"or": [{"field": "tags", "in": [f"t{n}" for n in range(200)]}] * 3}
    assert "at most 500 values" in sent(asked(values)).problems[0].detail
    with pytest.raises(ValidationError):
        asked(nested(13))


@given(filters)
def test_a_filter_reads_back_as_itself_and_compiles_to_operators_of_ours_alone(one: Filter) -> None:
    assert Filter.model_validate_json(one.model_dump_json(exclude_defaults=True)) == one
    ours = {"$and", "$or", "$nor", "$in", "$eq", "$gt", "$gte", "$lt", "$lte", "$ne", "$exists", "$regex"}
    assert operators(compiled(fixed(one, {}, NOW))) <= ours


def operators(query: Any) -> set[str]:
    if isinstance(query, dict):
        return {key for key in query if key.startswith("$")}.union(*map(operators, query.values()))
    return set().union(*map(operators, query)) if isinstance(query, list) else set()


def test_segments_and_relative_times_are_put_in_when_a_send_is_accepted() -> None:
    active = {"field": "registered_at", "gte": "-30d"}
    request = asked({"not": {"segment": "vip"}}, segments=["active", "vip"])
    kept = sent(request, active=active, vip=TAGGED).request.audience
    assert kept.segments == ()
    assert kept.filter is not None
    dumped = kept.filter.model_dump(exclude_defaults=True)
    assert dumped == {
        "and": (
            {"or": ({"field": "registered_at", "gte": "2030-05-02T12:00:00.000+00:00"}, TAGGED)},
            {"not": TAGGED},
        )
    }


def test_each_segment_that_is_not_there_is_a_problem_of_its_own() -> None:
    filter_ = {"or": [TAGGED, {"segment": "gone"}, {"not": {"and": [{"segment": "gone"}, {"segment": "vip"}]}}]}
    send = sent(asked(filter_, segments=["vip", "lost"]), vip=TAGGED)
    places = ["/audience/filter/or/1/segment", "/audience/filter/or/2/not/and/0/segment"]
    assert [one.pointer for one in send.problems] == ["/audience/segments/1", *places]


def test_a_send_may_hold_more_than_a_sender_may_write() -> None:
    deep = {"segment": "deep"}
    send = sent(asked({"not": {"not": {"not": {"not": deep}}}}), deep=nested(5))
    assert not send.problems
    assert Send.model_validate_json(send.model_dump_json(exclude_defaults=True)) == send
    many = {"or": [{"field": "tags", "in": [f"t{n}" for n in range(200)]}] * 2}
    names = [f"s{n}" for n in range(20)]
    too_much = sent(asked(TAGGED, segments=names), **dict.fromkeys(names, many))
    assert [one.pointer for one in too_much.problems] == ["/audience/segments"]


def test_a_segment_names_no_other_and_is_bounded_as_a_filter_is() -> None:
    for wrong in ({"segment": "other"}, nested(6)):
        with pytest.raises(ValidationError):
            Segment.model_validate({"name": "one", "filter": wrong})
    assert filter_problem(Segment.model_validate({"name": "one", "filter": nested(5)}).filter) is None


@pytest.mark.parametrize(
    ("one", "apns", "fcm"),
    [
        ({"field": "platform", "eq": "apns"}, True, False),
        ({"not": {"field": "platform", "in": ["apns"]}}, False, True),
        ({"and": [TAGGED, {"field": "platform", "eq": "fcm"}]}, False, True),
        ({"or": [TAGGED, {"field": "platform", "eq": "fcm"}]}, True, True),
        ({"not": TAGGED}, True, True),
        ({"field": "platform", "exists": False}, False, False),
    ],
)
def test_a_send_goes_only_to_platforms_that_its_filter_lets_be(one: Json, *, apns: bool, fcm: bool) -> None:
    filter_ = Filter.model_validate(one)
    assert (possible(filter_, "apns"), possible(filter_, "fcm")) == (apns, fcm)
    send = sent(asked(one))
    assert {route.platform for route in send.routes} == {name for name, is_ in (("apns", apns), ("fcm", fcm)) if is_}
    assert bool(send.problems) is not (apns or fcm)
