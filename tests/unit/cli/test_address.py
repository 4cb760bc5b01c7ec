"""A command knows which Carillon is meant, or says what to set."""

import json
from pathlib import Path

import pytest

from services.cli.address import Address, address
from services.cli.errors import NotAddressedError, RefusedError


def test_what_is_given_wins_over_the_stack(tmp_path: Path) -> None:
    state = tmp_path / "stack.json"
    state.write_text(json.dumps({"addresses": {"ingest": "http://stack:1"}}), "utf-8")
    assert address("https://push.example.com/", "as_x", state) == Address("https://push.example.com", "as_x")


def test_without_a_url_the_stack_that_is_up_is_meant(tmp_path: Path) -> None:
    state = tmp_path / "stack.json"
    state.write_text(json.dumps({"addresses": {"ingest": "http://stack:1"}}), "utf-8")
    assert address(None, "as_x", state).url == "http://stack:1"


@pytest.mark.parametrize("content", [None, "", "{}", '{"addresses": {}}'])
def test_without_a_url_and_a_stack_it_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    state = tmp_path / "stack.json"
    if content is not None:
        state.write_text(content, "utf-8")
    with pytest.raises(NotAddressedError, match="CARILLON_URL"):
        address(None, "as_x", state)


def test_without_a_secret_it_says_what_to_set() -> None:
    with pytest.raises(NotAddressedError, match="CARILLON_APP_SECRET"):
        address("http://x", None)


def test_a_refusal_names_the_fields_that_the_problem_document_names() -> None:
    problem = {"title": "Invalid", "detail": "not a send", "errors": [{"pointer": "/audience", "detail": "say whom"}]}
    assert str(RefusedError(422, problem)) == "Refused (422): not a send\n  /audience: say whom"
    assert str(RefusedError(500, {})) == "Refused (500): no reason given"
