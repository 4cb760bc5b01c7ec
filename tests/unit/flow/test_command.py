"""A command over AMQP is the request over HTTP: every field, with the same meaning and the same problems."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.flow.send import Command, ReplaceCommand, SendRequest
from shared.providers.registry import problems_of
from tests.unit.flow.send_fields import BAD, BASE, GOOD, LATER, UNKNOWN, Json

ADDRESS: Json = {"v": 1, "app": "a7k2m4", "id": "order-4711"}
ALL = [case for cases in GOOD.values() for case in cases]
ALL_BAD = [case for cases in BAD.values() for case, _ in cases] + [UNKNOWN[0]]


def written(case: Json) -> Json:
    return json.loads(json.dumps({**BASE, **case}).replace("{soon}", f"{LATER}Z").replace("{soon_local}", LATER))  # type: ignore[no-any-return]


def read(model: type[BaseModel], said: Json) -> Any:
    """The request, or what is wrong with it."""
    try:
        found = model.model_validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        return problems_of(error)
    return found.request() if isinstance(found, Command) else found


@pytest.mark.parametrize("case", ALL, ids=",".join)
def test_every_field_means_the_same_in_a_command(case: Json) -> None:
    said = written(case)
    request = read(SendRequest, said)
    assert isinstance(request, SendRequest)
    models: list[tuple[type[Command], Json]] = [(Command, {}), (ReplaceCommand, {"do": "replace", "key": "k"})]
    for model, more in models:
        command = read(model, {**ADDRESS, **more, **said})
        assert command == request
        assert command.model_dump_json() == request.model_dump_json()
        assert command.model_fields_set == request.model_fields_set


@pytest.mark.parametrize("case", ALL_BAD, ids=",".join)
def test_what_the_model_refuses_it_refuses_in_a_command_by_the_same_pointers(case: Json) -> None:
    said = written(case)
    assert read(Command, {**ADDRESS, **said}) == read(SendRequest, said)


@given(st.lists(st.sampled_from([*ALL, *ALL_BAD]), min_size=2, max_size=5))
def test_any_mixture_of_fields_is_read_alike(cases: list[Json]) -> None:
    said = written({name: value for case in cases for name, value in case.items()})
    assert read(Command, {**ADDRESS, **said}) == read(SendRequest, said)
