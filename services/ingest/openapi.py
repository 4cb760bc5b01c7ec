"""The OpenAPI 3.1 document, made from the table of endpoints and their models; pure, so that a CLI can print it."""

import json
import re
from http import HTTPStatus
from typing import Any, Final

from services.ingest.call import Endpoint
from services.ingest.problems import MEDIA_TYPE, ProblemDocument
from services.ingest.repeats import HEADER, KEY, REPLAYED
from services.ingest.routes import ENDPOINTS
from services.ingest.schemas import Schemas
from shared.contract.schemas import Schema
from shared.runtime.version import VERSION

JSON: Final = "application/json"
KEYS: Final = {
    "admin": "the operator's key: apps and variants",
    "app": "an app's secret for its backends: sends and devices",
    "client": "an app's secret for the app itself: register, change and remove its own device",
}
TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
IDEMPOTENCY: Final[Schema] = {
    "name": HEADER.title(),
    "in": "header",
    "required": False,
    "description": "a key of the caller's making, for a day: the same key and request get the first answer again, "
    "another request with it gets 409",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY.pattern}$"},
}
REPLAY: Final[Schema] = {
    REPLAYED.title(): {
        "description": "`true` on the first answer given again to the same Idempotency-Key",
        "schema": {"const": "true"},
    }
}
READY: Final[Schema] = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"},
        "draining": {"type": "boolean"},
        "checks": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "ok": {"type": "boolean"},
                    "seconds": {"type": "number"},
                    "error": {"type": "string"},
                },
                "required": ["ok", "seconds"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["ready", "draining", "checks"],
    "additionalProperties": False,
}
VERSIONED: Final[Schema] = {
    "type": "object",
    "properties": {"version": {"type": "string"}},
    "required": ["version"],
    "additionalProperties": False,
}


def document() -> Schema:
    """The whole document."""
    schemas = Schemas()
    paths: dict[str, Schema] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
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
            "securitySchemes": {
                kind: {"type": "http", "scheme": "bearer", "description": text} for kind, text in KEYS.items()
            },
        },
    }


def _operation(endpoint: Endpoint, schemas: Schemas) -> Schema:
    module = endpoint.handler.__module__.rpartition(".")[2]
    operation: Schema = {
        "operationId": f"{module}_{endpoint.handler.__name__}",
        "tags": [module],
        "summary": endpoint.summary,
        "security": [{kind: []} for kind in endpoint.access],
        "responses": _responses(endpoint, schemas),
    }
    parameters = _path_parameters(endpoint.path) + _query_parameters(endpoint, schemas)
    if endpoint.method == "POST":
        parameters.append(IDEMPOTENCY)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.request:
        schema = schemas.ref(endpoint.request, "validation")
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return operation


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Schema]:
    responses: dict[str, Schema] = {}
    for status, model in endpoint.replies.items():
        response: Schema = {"description": status.phrase}
        responses[str(int(status))] = response
        if model:
            response["content"] = {JSON: {"schema": schemas.ref(model, "serialization")}}
        headers = dict(REPLAY) if endpoint.method == "POST" else {}
        if status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED) and "secrets" not in endpoint.path:
            headers["Location"] = {"schema": {"type": "string"}}
        if headers:
            response["headers"] = headers
    problem = {MEDIA_TYPE: {"schema": schemas.ref(ProblemDocument, "serialization")}}
    for status in endpoint.refusals:
        responses[str(int(status))] = {"description": status.phrase, "content": problem, **_refusal_headers(status)}
    return responses


def _refusal_headers(status: HTTPStatus) -> Schema:
    named = {HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After", HTTPStatus.UNAUTHORIZED: "WWW-Authenticate"}.get(status)
    return {"headers": {named: {"schema": {"type": "string"}}}} if named else {}


def _path_parameters(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(endpoint: Endpoint, schemas: Schemas) -> list[Schema]:
    if endpoint.query is None:
        return []
    known: dict[str, Any] = schemas.of(endpoint.query, "validation")["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in known.items()]


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
