"""Holds answers against what the OpenAPI document says of them."""

from typing import Any

import httpx
from jsonschema import Draft202012Validator

Schema = dict[str, Any]


def validator(api: Schema, schema: Schema) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": api["components"]})


def check_answer(api: Schema, operation: Schema, answer: httpx.Response) -> None:
    documented = operation["responses"].get(str(answer.status_code))
    assert documented, f"{answer.status_code} is not documented: {answer.text}"
    content = documented.get("content")
    if not content:
        assert answer.content == b""
        return
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in content
    if kind == "application/x-ndjson":
        return
    said = answer.json() if kind.endswith("json") else answer.text
    validator(api, content[kind]["schema"]).validate(said)
