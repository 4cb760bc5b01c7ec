"""Refusals in IBM's words: `message`, `code` and `docUrl`, beside the members of a problem document."""

from http import HTTPStatus
from typing import Final

from pydantic import Field
from starlette.responses import Response

from services.ingest.answers import JSON, NO_STORE
from services.ingest.problems import ProblemDocument, Refused
from shared.flow.send import Problem

DOCUMENTED: Final = "https://www.ng.bluemix.net/docs/troubleshoot/errors/mobilepush/index.html#"
"""Where IBM's errors point; kept, because it names the code."""
MISSING: Final = "FPWSE0001E"
TAKEN: Final = "FPWSE0002E"
NOT_CONFIGURED: Final = "FPWSE0003E"
NO_JSON: Final = "FPWSE0004E"
INVALID: Final = "FPWSE0005E"
UNKNOWN_FIELD: Final = "FPWSE0006E"
UNKNOWN_QUERY: Final = "FPWSE0007E"
MISSING_QUERY: Final = "FPWSE0008E"
FAILED: Final = "FPWSE0010E"
SUBSCRIBED: Final = "FPWSE0011E"
NOT_SUBSCRIBED: Final = "FPWSE0012E"
LATER: Final = "FPWSE0025E"
UNAUTHORIZED: Final = "UNAUTHORIZED"
"""IBM documents no code of its kind for this."""
_CODES: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: UNAUTHORIZED,
    HTTPStatus.FORBIDDEN: UNAUTHORIZED,
    HTTPStatus.NOT_FOUND: MISSING,
    HTTPStatus.CONFLICT: TAKEN,
    HTTPStatus.INTERNAL_SERVER_ERROR: FAILED,
    HTTPStatus.SERVICE_UNAVAILABLE: LATER,
}
_UNKNOWN: Final = "Extra inputs are not permitted"
_REQUIRED: Final = "Field required"


class Refusal(ProblemDocument):
    """Why a request was refused: IBM's members, and those of a problem document with the place of each fault."""

    message: str
    code: str = Field(description="IBM's code")
    doc_url: str = Field(serialization_alias="docUrl")


class Coded(Refused):
    """Refused with a code that does not follow from the status."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, errors: tuple[Problem, ...] = ()) -> None:
        super().__init__(ProblemDocument(title=status.phrase, status=status, detail=detail, errors=errors))
        self.code = code


def refusal_response(refusal: Refused) -> Response:
    """The answer. It is plain JSON, the only type in which IBM's own SDKs look for the message."""
    document = refusal.document
    # IBM answers 400 to what is read and wrong; 422 is ours.
    status = HTTPStatus(document.status)
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        status = HTTPStatus.BAD_REQUEST
    code = refusal.code if isinstance(refusal, Coded) else _code(document)
    theirs = {"message": document.detail, "code": code, "doc_url": f"{DOCUMENTED}{code}"}
    said = Refusal(**document.model_dump(exclude={"title", "status"}), title=status.phrase, status=status, **theirs)
    body = said.model_dump_json(by_alias=True, exclude_defaults=True)
    response = Response(body, status, media_type=JSON)
    response.raw_headers += NO_STORE
    for name, value in refusal.headers.items():
        response.headers[name] = value
    return response


def _code(document: ProblemDocument) -> str:
    if document.status == HTTPStatus.BAD_REQUEST and document.errors:  # which say where it ends to be JSON
        return NO_JSON
    if document.status != HTTPStatus.UNPROCESSABLE_ENTITY:
        return _CODES.get(document.status, INVALID)
    first = document.errors[0].detail if document.errors else ""
    if first.startswith("query "):
        return MISSING_QUERY if first.endswith(_REQUIRED) else UNKNOWN_QUERY
    return UNKNOWN_FIELD if first.endswith(_UNKNOWN) else INVALID
