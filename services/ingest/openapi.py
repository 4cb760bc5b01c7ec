"""The OpenAPI 3.1 document, made from the table of endpoints and their models; pure, so that a CLI can print it."""

import json
import re
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from services.ingest.answers import JSON
from services.ingest.call import Endpoint
from services.ingest.described import IDEMPOTENCY, MADE, READY, REPLAY, TEXT, VERSIONED
from services.ingest.dialect import OWN, Dialect
from services.ingest.doors.ibm.described import DIALECTS as IBM
from services.ingest.form import MEDIA_TYPE as FORM
from services.ingest.lines import MEDIA_TYPE as LINES
from services.ingest.schemas import Schemas
from services.ingest.watching import STREAM
from shared.contract.schemas import Schema
from shared.runtime.version import VERSION

DIALECTS: Final = (OWN, *IBM)


def document() -> Schema:
    """The whole document."""
    schemas = Schemas(IBM)
    paths: dict[str, Schema] = {}
    for dialect in DIALECTS:
        for endpoint in dialect.endpoints:
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(dialect, endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Carillon",
            "version": VERSION,
            "description": "Say once what to tell whom; Carillon answers for what became of each notification.",
        },
        "paths": paths | _beside(),
        "components": {
            "schemas": schemas.all,
            "securitySchemes": {name: scheme for dialect in DIALECTS for name, scheme in dialect.schemes.items()},
        },
    }


def _operation(dialect: Dialect, endpoint: Endpoint, schemas: Schemas) -> Schema:
    operation: Schema = {
        "operationId": _id(dialect, endpoint),
        "tags": [_tag(dialect, endpoint)],
        "summary": endpoint.summary,
        "security": [{name: []} for name in dialect.security(endpoint)],
        "responses": _responses(dialect, endpoint, schemas),
    }
    parameters = _path_parameters(dialect, endpoint.path) + _query_parameters(endpoint, schemas)
    if _repeatable(dialect, endpoint):
        parameters.append(IDEMPOTENCY)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.request:
        schema = schemas.ref(endpoint.request, "validation")
        content = {dialect.takes: {"schema": schema}} | (_form(endpoint.form) if endpoint.form else {})
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.lines:
        operation["requestBody"] = {"required": True, "content": _lines(endpoint.lines, schemas)}
    return operation


def _repeatable(dialect: Dialect, endpoint: Endpoint) -> bool:
    """Whether it takes an `Idempotency-Key`."""
    return dialect.repeatable and endpoint.method == "POST" and not endpoint.lines


def _responses(dialect: Dialect, endpoint: Endpoint, schemas: Schemas) -> dict[str, Schema]:
    responses: dict[str, Schema] = {}
    for status, model in endpoint.replies.items():
        response: Schema = {"description": status.phrase}
        if links := _links(dialect, endpoint) if status in MADE else {}:
            response["links"] = links
        responses[str(int(status))] = response
        if model and not endpoint.only_media:
            response["content"] = {JSON: {"schema": schemas.ref(model, "serialization")}}
        if model:
            for kind in endpoint.media:
                said: dict[str, Any] = (
                    {} if kind == STREAM else {"type": "string"}
                )  # each event is JSON of its own kind
                response.setdefault("content", {})[kind] = {"schema": said}
        headers = dict(REPLAY) if _repeatable(dialect, endpoint) else {}
        if status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED) and "secrets" not in endpoint.path:
            headers["Location"] = {"schema": {"type": "string"}}
        if headers:
            response["headers"] = headers
    if endpoint.gives_lines:
        responses["200"] = {"description": "OK", "content": _lines(endpoint.gives_lines, schemas)}
    problem = {dialect.media_type: {"schema": schemas.ref(dialect.refusal, "serialization")}}
    for status in dialect.refusals(endpoint):
        described = {"description": dialect.meanings.get(status, status.phrase), "content": problem}
        responses[str(int(status))] = described | _refusal_headers(status)
    return responses


def _links(dialect: Dialect, endpoint: Endpoint) -> Schema:
    """What may be done with the thing that was made."""
    known = {name: f"$request.path.{name}" for name in _names(endpoint.path)}
    links: Schema = {}
    for other in dialect.endpoints if endpoint.method == "POST" else ():
        new = [name for name in _names(other.path) if name not in known]
        if len(new) == 1 and other.path.startswith(f"{endpoint.path}/{{{new[0]}}}"):
            made = {new[0]: f"$response.body#/{dialect.named_by.get(new[0], 'id')}"}
            links[_id(dialect, other)] = {"operationId": _id(dialect, other), "parameters": known | made}
    return links


def _lines(model: type[BaseModel], schemas: Schemas) -> Schema:
    """One of the model on each line; a schema describes a whole body, so this one is told in words (OpenAPI 3.1)."""
    name = schemas.ref(model, "validation")["$ref"]
    return {LINES: {"schema": {"type": "string", "description": f"one {name} on each line"}}}


def _form(name: str) -> Schema:
    """The same body as the file of a form."""
    file = {"type": "string", "contentMediaType": JSON}
    return {FORM: {"schema": {"type": "object", "properties": {name: file}, "required": [name]}}}


def _refusal_headers(status: HTTPStatus) -> Schema:
    named = {HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After", HTTPStatus.UNAUTHORIZED: "WWW-Authenticate"}.get(status)
    return {"headers": {named: {"schema": {"type": "string"}}}} if named else {}


def _path_parameters(dialect: Dialect, path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        | ({"description": dialect.parameters[name]} if name in dialect.parameters else {})
        for name in _names(path)
    ]


def _names(path: str) -> list[str]:
    """The parameters of a path."""
    return re.findall(r"{(\w+)}", path)


def _tag(dialect: Dialect, endpoint: Endpoint) -> str:
    return dialect.prefix.lower() + "_" * bool(dialect.prefix) + endpoint.handler.__module__.rpartition(".")[2]


def _id(dialect: Dialect, endpoint: Endpoint) -> str:
    return f"{_tag(dialect, endpoint)}_{endpoint.handler.__name__}"


def _query_parameters(endpoint: Endpoint, schemas: Schemas) -> list[Schema]:
    if endpoint.query is None:
        return []
    known = schemas.of(endpoint.query, "validation")
    needed = known.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": schema}
        for name, schema in known["properties"].items()
    ]


def _beside() -> dict[str, Schema]:
    """What anyone may ask."""
    ready = {JSON: {"schema": READY}}
    return {
        "/healthz": _open("The process answers", {"200": ("alive", TEXT)}),
        "/readyz": _open("Broker, store and clock are well", {"200": ("ready", ready), "503": ("not ready", ready)}),
        "/metrics": _open("Metrics for Prometheus", {"200": ("metrics", TEXT)}),
        "/version": _open("Which Carillon this is", {"200": ("version", {JSON: {"schema": VERSIONED}})}),
        "/openapi.json": _open("This document", {"200": ("OpenAPI 3.1", {JSON: {"schema": {"type": "object"}}})}),
    }


def _open(summary: str, answers: dict[str, tuple[str, Schema]]) -> Schema:
    responses = {status: {"description": text, "content": content} for status, (text, content) in answers.items()}
    return {"get": {"summary": summary, "tags": ["process"], "security": [], "responses": responses}}


if __name__ == "__main__":
    print(json.dumps(document(), indent=2, ensure_ascii=False))  # noqa: T201  # that is what it is for
