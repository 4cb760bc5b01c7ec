"""`POST /identity/token`: IBM Cloud's exchange of an API key, which is an app secret here, for a bearer token."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.ingest.answers import response_of
from services.ingest.call import Call, Endpoint, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm import token
from services.ingest.doors.ibm.iam import MISSING, NO_KEY, Exchange, Granted, NotGranted, exchange_of, iam_response
from services.ingest.entrance import Entrance
from services.ingest.keys import Key
from services.ingest.problems import Refused, refused, unavailable
from services.ingest.sends import RETRY_AFTER

MOST: Final = 16 * 1024
"""Bytes of a form."""
READ_WITHIN: Final = timedelta(seconds=30)
NOT_FOUND: Final = "Provided API key could not be found."


async def grant(desk: Desk, call: Call) -> Reply:
    """Makes a token of an API key."""
    wanted: Exchange = call.body
    app, secret = await _secret(desk, wanted.apikey)
    now = desk.now()
    made = token.grant(app, secret, now)
    life = made.expires - int(now.timestamp())
    return Reply(HTTPStatus.OK, Granted(access_token=str(made), expires_in=life, expiration=made.expires))


class TokenEntrance(Entrance):
    """Takes a form in the place of JSON, and asks for no key: the key is in the form."""

    async def _handled(self, endpoint: Endpoint, request: Request) -> Response:
        if not self._started:
            raise unavailable("starting: store or broker are not ready yet", RETRY_AFTER)
        call = Call(Key("client"), {}, exchange_of(await _form(request)))
        return response_of(await endpoint.handler(self._desk, call))

    def _refusal(self, refusal: Refused) -> Response:
        return iam_response(refusal)


async def _secret(desk: Desk, told: str) -> tuple[str, str]:
    """The app and its secret in an API key: the secret alone, or `<app>.<secret>`. Raises `Refused`."""
    app, dot, rest = told.partition(".")
    secret = rest if dot else told
    found = await desk.store.apps.verify(secret)
    if found is None or found[1] != "app" or (dot and app != found[0]):
        raise NotGranted(NO_KEY, NOT_FOUND)
    return found[0], secret


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises `Refused`."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN.total_seconds()):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST:
                    raise refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST // 1024} kB")
        fields = parse_qs(body.decode(), max_num_fields=50)
    except TimeoutError:
        raise refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
    except ClientDisconnect:
        raise refused(HTTPStatus.BAD_REQUEST, "the connection ended inside the body") from None
    except ValueError:
        raise NotGranted(MISSING, "Property missing or empty.", "The body is no form.") from None
    return {name: values[0] for name, values in fields.items()}
