"""IBM Cloud's identity service in its own words: what is asked of `POST /identity/token`, granted, and refused."""

from http import HTTPStatus
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from services.ingest.answers import JSON, NO_STORE
from services.ingest.problems import ProblemDocument, Refused
from shared.flow.model import Travelling

GrantType = Literal["urn:ibm:params:oauth:grant-type:apikey"]
NO_KEY: Final = "BXNIM0415E"
MISSING: Final = "BXNIM0109E"
WRONG: Final = "BXNIM0106E"
NO_METHOD: Final = "BXNIM0060E"
FAILED: Final = "BXNIM0108E"
"""IBM Cloud's codes, as its IAM answers them."""


class Exchange(BaseModel):
    """The form: an API key for a token. What else IBM's clients write in it (`response_type`) changes nothing."""

    model_config = ConfigDict(frozen=True)

    grant_type: GrantType
    apikey: str = Field(min_length=1, description="an app secret, alone or as `<app>.<app secret>`")


class Granted(Travelling):
    """A token, as IBM Cloud answers it."""

    access_token: str
    refresh_token: str = "not_supported"  # noqa: S105  # IBM Cloud's own word
    token_type: str = "Bearer"  # noqa: S105  # no secret
    expires_in: int
    expiration: int
    scope: str = "ibm openid"


class Denial(Travelling):
    """Why there is no token."""

    errorCode: str  # noqa: N815  # their names
    errorMessage: str  # noqa: N815
    errorDetails: str | None = None  # noqa: N815
    context: dict[str, str] = Field(description="empty here")


class NotGranted(Refused):
    """Refused with a code of IBM Cloud's; `details` are for people."""

    def __init__(self, code: str, message: str, details: str | None = None) -> None:
        status = HTTPStatus.BAD_REQUEST
        super().__init__(ProblemDocument(title=status.phrase, status=status, detail=message))
        self.code = code
        self.details = details


def exchange_of(form: dict[str, str]) -> Exchange:
    """The form as it has to be. Raises `Refused`, which never repeats a value."""
    for name in Exchange.model_fields:
        if not form.get(name):
            raise NotGranted(MISSING, "Property missing or empty.", f"Property '{name}' either missing or empty.")
    try:
        return Exchange.model_validate(form)
    except ValidationError:
        message = f"Validation of property 'grant_type' failed. Valid values: '{get_args(GrantType)[0]}'"
        raise NotGranted(WRONG, message) from None


def iam_response(refusal: Refused) -> Response:
    """The answer to what is refused."""
    code, details = FAILED, None
    if isinstance(refusal, NotGranted):
        code, details = refusal.code, refusal.details
    elif refusal.document.status == HTTPStatus.METHOD_NOT_ALLOWED:
        code = NO_METHOD
    said: dict[str, Any] = {"errorCode": code, "errorMessage": refusal.document.detail, "context": {}}
    body = Denial(**said, errorDetails=details).model_dump_json(exclude_none=True)
    response = Response(body, refusal.document.status, media_type=JSON)
    response.raw_headers += NO_STORE
    for name, value in refusal.headers.items():
        response.headers[name] = value
    return response
