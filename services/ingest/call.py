"""What an endpoint is, what its handler is given and what it gives back."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from services.ingest.desk import Desk
from services.ingest.keys import Key, KeyKind
from shared.flow import size
from shared.flow.drawing import Bits

SMALL_BODY: Final = size.SMALL
LARGE_BODY: Final = size.LARGE
"""A request that names many recipients."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    key: Key
    path: Mapping[str, str]
    body: Any = None
    """The endpoint's request model; the lines of one, where it takes lines."""
    query: Any = None
    """The endpoint's query model."""
    size: int = 0
    """Bytes of the body."""
    bits: Bits = secrets.randbits
    """Where ids and secrets come from: with an `Idempotency-Key`, the same at every repetition."""
    at: datetime | None = None
    """With an `Idempotency-Key`: when it was first used."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def app(self) -> str:
        """The tenant: the secret's app, or the one that the operator names."""
        return self.key.app or self.path["app"]


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is no JSON; `content` may go on for as long as somebody listens."""

    content: bytes | AsyncIterator[bytes]
    media_type: str
    file: str = ""
    """A browser saves it under this name."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request that was not refused."""

    status: HTTPStatus
    body: BaseModel | Text | None = None
    location: str | None = None
    settled: bool = True
    """False: of a part nobody knows whether it was stored, so a repetition with the same key goes on from here."""


Handler = Callable[[Desk, Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. `replies` are the models of its answers; what refuses it follows from the rest."""

    method: str
    path: str
    handler: Handler
    access: tuple[KeyKind, ...]
    summary: str
    replies: Mapping[HTTPStatus, type[BaseModel] | None]
    request: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    conflicts: bool = False
    """May collide with a name in use."""
    lines: type[BaseModel] | None = None
    """Takes lines of this model in the place of one body."""
    gives_lines: type[BaseModel] | None = None
    """Answers with lines of this model."""
    gated: bool = False
    """Accepts sends: refused while the broker does not confirm."""
    drawn: bool = False
    """All that is random in what it makes comes from `Call.bits`: worked twice with the same key, it makes it once."""
    basic: bool = False
    """The key may also come as the password of HTTP Basic: what its senders can be told without a change."""
    asked_by: tuple[str, ...] = ()
    """Headers that say what is asked, beside path and body: with an `Idempotency-Key` they have to be the same, too. Of
    `authorization` it is the user of HTTP Basic.
    """
    body_limit: int = SMALL_BODY
    form: str = ""
    """It also takes its body as the file of this name in a form (RFC 7578)."""
    invalid: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
    """The status for a field that is wrong."""
    media: tuple[str, ...] = ()
    """In what else than JSON it may answer."""
    only_media: bool = False
    """It never answers in JSON."""
    refusals: tuple[HTTPStatus, ...] = field(init=False, default=())
    """Every status that is answered by a problem document."""

    def __post_init__(self) -> None:
        statuses = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        statuses |= {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
        if "{" in self.path:
            statuses.add(HTTPStatus.NOT_FOUND)
        if self.lines:
            statuses |= {
                HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            }  # fmt: skip
        if self.gives_lines:
            statuses.add(HTTPStatus.NOT_FOUND)
        if self.request:
            statuses |= {
                HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, self.invalid,
            }  # fmt: skip
        if self.query:
            statuses.add(HTTPStatus.UNPROCESSABLE_ENTITY)
        if self.conflicts:
            statuses.add(HTTPStatus.CONFLICT)
        if self.method == "POST":  # its Idempotency-Key may be none, or another request's
            statuses |= {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT}
        object.__setattr__(self, "refusals", tuple(sorted(statuses)))
