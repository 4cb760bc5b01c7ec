"""What the endpoints of one door have in common, for the OpenAPI document: who may ask, in what, and how it refuses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel

from services.ingest.answers import JSON
from services.ingest.call import Endpoint
from services.ingest.described import BASIC, KEYS, MEANINGS, NAMED_BY, PATH_PARAMETERS
from services.ingest.problems import MEDIA_TYPE, ProblemDocument
from services.ingest.routes import ENDPOINTS
from shared.contract.schemas import Schema


@dataclass(frozen=True, slots=True)
class Dialect:
    """A door as it is described."""

    endpoints: Sequence[Endpoint]
    schemes: Mapping[str, Schema]
    """Every way to say who asks, by name."""
    security: Callable[[Endpoint], Sequence[str]]
    """The names of those that open an endpoint; any one of them does."""
    refusal: type[BaseModel]
    """What is answered to what is refused."""
    media_type: str = MEDIA_TYPE
    """In which type."""
    refusals: Callable[[Endpoint], Sequence[HTTPStatus]] = lambda endpoint: endpoint.refusals
    meanings: Mapping[HTTPStatus, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    named_by: Mapping[str, str] = field(default_factory=dict)
    """What of the answer to its making names a thing; everything else has an `id`."""
    takes: str = JSON
    repeatable: bool = True
    """A `POST` takes an `Idempotency-Key`."""
    prefix: str = ""
    """Of the names of its schemas, operations and tags."""


def _own_security(endpoint: Endpoint) -> Sequence[str]:
    return [*endpoint.access, *(["basic"] if endpoint.basic else [])]


OWN: Final = Dialect(
    endpoints=ENDPOINTS,
    schemes={
        **{kind: {"type": "http", "scheme": "bearer", "description": text} for kind, text in KEYS.items()},
        "basic": {"type": "http", "scheme": "basic", "description": BASIC},
    },
    security=_own_security,
    refusal=ProblemDocument,
    meanings=MEANINGS,
    parameters=PATH_PARAMETERS,
    named_by=NAMED_BY,
)
"""Our own endpoints, and the doors that answer as they do."""
