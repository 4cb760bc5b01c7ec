"""Problem documents (RFC 9457): what a refused request is told. They name the field and never repeat a value."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import Field

from shared.flow.model import Travelling
from shared.flow.send import Problem

MEDIA_TYPE: Final = "application/problem+json"
BLANK: Final = "about:blank"
OUTCOME_UNKNOWN: Final = "/problems/outcome-unknown"
"""The one problem after which something may have been stored all the same."""


class ProblemDocument(Travelling):
    """Why a request was refused."""

    type: str = Field(default=BLANK, description=f"`{OUTCOME_UNKNOWN}`: it may have been stored all the same")
    title: str
    status: int
    detail: str
    errors: tuple[Problem, ...] = Field(default=(), description="each thing that is wrong, by JSON pointer (RFC 6901)")
    send: str | None = Field(default=None, description="the id under which a send of unknown outcome may be found")


class Refused(Exception):  # noqa: N818  # said of the request
    """The request is answered by this problem document."""

    def __init__(self, document: ProblemDocument, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(document.detail)
        self.document = document
        self.headers = dict(headers or {})


def refused(
    status: HTTPStatus, detail: str, errors: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
) -> Refused:
    """To be raised: the request is refused with this status."""
    document = ProblemDocument(title=status.phrase, status=status, detail=detail, errors=tuple(errors))
    return Refused(document, headers)


def invalid(errors: Sequence[Problem]) -> Refused:
    """To be raised: these fields are wrong. The detail repeats the first, for people."""
    first = errors[0]
    detail = f"{first.pointer}: {first.detail}" if first.pointer else first.detail
    return refused(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def restated(refusal: Refused, status: HTTPStatus) -> Refused:
    """The same under another status: that which some other server's clients know for it."""
    document = refusal.document.model_copy(update={"title": status.phrase, "status": int(status)})
    return Refused(document, refusal.headers)


def field_invalid(pointer: str, detail: str) -> Refused:
    """To be raised: this field is wrong."""
    return invalid([Problem(pointer=pointer, detail=detail)])


def missing(detail: str) -> Refused:
    """To be raised: there is no such thing here."""
    return refused(HTTPStatus.NOT_FOUND, detail)


def unavailable(detail: str, retry_after: int) -> Refused:
    """To be raised: nothing was stored; ask again after so many seconds."""
    return refused(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(retry_after)})


def outcome_unknown(send: str) -> Refused:
    """To be raised: the store failed while the send was on its way to it. Not to be repeated without a look."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    detail = f"the store did not confirm; the send may have been accepted all the same: ask for /v1/sends/{send}"
    document = ProblemDocument(type=OUTCOME_UNKNOWN, title="Outcome unknown", status=status, detail=detail, send=send)
    return Refused(document)
