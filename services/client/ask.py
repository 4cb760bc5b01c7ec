"""One request over HTTP and how its answer is read; pure, so that both clients are the same."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.client.errors import CarillonError, Refused, TryLater, Unreachable
from shared.flow.send import Problem

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Json = dict[str, Any]
AFTER: Final = timedelta(seconds=2)
"""Where the answer does not say how long to wait."""
LEAST_PAUSE: Final = 0.2
"""Seconds, doubled with every try."""
MOST_PAUSE: Final = timedelta(minutes=1)
"""Who is asked to wait for longer hears of it instead."""
MOST_SECONDS: Final = 10**9
"""What a span of time can hold; 31 years."""
LATER: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}  # what stands before us says these
)
_PROBLEMS: Final = TypeAdapter(tuple[Problem, ...])


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request. With `key` it may be repeated as often as one likes: it is worked once."""

    method: str
    path: str
    read: Callable[[Json], T]
    body: Json | None = None
    key: str | None = None
    safe: bool = False
    """It changes nothing, or the same if it is repeated."""
    query: dict[str, str] | None = None
    partly: Callable[[T], bool] | None = None
    """Whether an answer leaves something of it open that a repetition under its key would work."""

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.safe or self.key is not None or self.method != "POST"

    @property
    def headers(self) -> dict[str, str]:
        """Its key, if it has one."""
        return {} if self.key is None else {"idempotency-key": self.key}


def reader(model: type[M]) -> Callable[[Json], M]:
    """Reads an answer as this; fields of a newer server are passed over, however deep they stand."""
    return lambda told: model.model_validate(told, extra="ignore")


def nothing(_: Json) -> None:
    """Of an answer that says no more than that it is one."""


def answered(ask: Ask[T], status: int, content: bytes, retry_after: str | None) -> T:
    """What the answer says. Raises `Refused` or `TryLater`; `CarillonError` for an answer that is not Carillon's."""
    told = _json(content)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        try:
            return ask.read(told)
        except (ValidationError, LookupError, TypeError, AttributeError) as error:
            message = f"the answer to {ask.method} {ask.path} is not Carillon's"
            raise CarillonError(message) from error
    detail = str(told.get("detail") or "no problem document")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in LATER:
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else AFTER.total_seconds()
        raise TryLater(status, detail, timedelta(seconds=min(seconds, MOST_SECONDS)), told.get("send"))
    raise Refused(status, detail, problems_in(told.get("errors", ())))


def pause(error: TryLater | Unreachable, tries: int) -> float:
    """How long to wait before the next try, in seconds."""
    asked = error.after.total_seconds() if isinstance(error, TryLater) else 0.0
    return max(asked, LEAST_PAUSE * 2.0**tries)


def again(ask: Ask[T], error: TryLater | Unreachable, tries: int, most: int) -> float | None:
    """In how many seconds to ask again, after so many tries; None: the caller has to hear of it."""
    seconds = pause(error, tries)
    return seconds if ask.repeatable and tries < most and seconds <= MOST_PAUSE.total_seconds() else None


def left_open(ask: Ask[T], found: T, tries: int, most: int) -> float | None:
    """In how many seconds to ask for the rest of an answer, after so many tries; None: it is as good as it gets."""
    partly = ask.partly is not None and ask.partly(found)
    return LEAST_PAUSE * 2.0**tries if partly and tries < most else None


def gone_before(ask: Ask[T], error: Refused, tries: int) -> bool:
    """Whether what was to be removed is gone: by a try before, whose answer nobody heard."""
    return ask.method == "DELETE" and tries > 1 and error.status == HTTPStatus.NOT_FOUND


def problems_in(told: object) -> tuple[Problem, ...]:
    """What a problem document names, field by field."""
    try:
        return _PROBLEMS.validate_python(told, extra="ignore")
    except ValidationError:
        return ()


def _json(content: bytes) -> Json:
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
