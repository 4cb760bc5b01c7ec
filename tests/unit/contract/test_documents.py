"""The committed documents are those that the models make, and they say what is true of commands."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.cli.local.places import ROOT
from services.ingest.openapi import document as openapi
from services.planner.unpacking import MOST
from shared.contract.asyncapi import document as asyncapi
from shared.contract.schemas import MESSAGES, MOST_COMMANDS, message_schema

FOLDER = ROOT / "docs" / "contract"
DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "openapi.json": openapi,
    "asyncapi.json": asyncapi,
    **{f"{name}.schema.json": partial(message_schema, name) for name in MESSAGES},
}
GOOD: dict[str, Any] = {
    "v": 1,
    "app": "a7k2m4",
    "id": "order-4711",
    "audience": {"users": ["ada"]},
    "message": {"title": "Ding", "data": {"a": "b"}, "apns": {"aps": {"badge": 1}}, "fcm": {"data": {"a": "b"}}},
    "ttl": 60,
}
BAD: list[dict[str, Any]] = [
    {},
    {**GOOD, "id": "short"},
    {**GOOD, "app": "UPPER"},
    {**GOOD, "v": 2},
    {**GOOD, "colour": "red"},
    {**GOOD, "ttl": -1},
    {**GOOD, "message": {"apns": {"wings": 2}}},
    {**GOOD, "message": {"pigeon": {}}},
    {"v": 1, "commands": []},
    {"v": 1, "commands": [{**GOOD, "ttl": "60"}]},
    {"v": 1, "commands": [GOOD] * 1001},
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_committed_is_what_the_models_make(name: str) -> None:
    committed = json.loads((FOLDER / name).read_text("utf-8"))
    assert committed == json.loads(json.dumps(DOCUMENTS[name]())), "run: make contract"


def test_the_schema_of_commands_takes_what_is_one_and_nothing_else() -> None:
    schema = message_schema("command")
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for good in (GOOD, {"v": 1, "commands": [GOOD, GOOD]}):
        validator.validate(good)
    for bad in BAD:
        assert not validator.is_valid(bad), bad
    assert MOST_COMMANDS == MOST


@pytest.mark.parametrize("name", MESSAGES)
def test_every_reference_of_a_schema_leads_to_one_in_the_same_file(name: str) -> None:
    schema = message_schema(name)
    assert {ref.removeprefix("#/$defs/") for ref in references(schema)} <= set(schema["$defs"])


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    assert references(document)
    for ref in references(document):
        found: Any = document
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
        assert isinstance(found, dict)


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []
