"""The way of every request through this door: IBM's headers say who asks, and refusals are in IBM's words."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from services.ingest.call import Endpoint
from services.ingest.doors.ibm import token
from services.ingest.doors.ibm.refusing import refusal_response
from services.ingest.entrance import Entrance
from services.ingest.keys import CHALLENGE, Key
from services.ingest.problems import Refused, refused

SECRETS: Final = {"appsecret": "app", "clientsecret": "client"}
"""Headers, each with the kind of key that it holds."""


class IbmEntrance(Entrance):
    """Lives as long as the process."""

    async def _who(self, endpoint: Endpoint, request: Request) -> Key:  # noqa: ARG002  # all are alike
        """The key of the app that the path names. Raises `Refused` (401)."""
        key = await self._key(request)
        if key.app != request.path_params["app"].partition(".")[0]:
            raise _unknown("the secret is not this app's")
        return key

    async def _key(self, request: Request) -> Key:
        for header, kind in SECRETS.items():
            secret = request.headers.get(header)
            if secret:
                key = await self._desk.keys.who(f"Bearer {secret}")
                if key.kind != kind:
                    raise _unknown(f"this is no {kind} secret")
                return key
        authorization = request.headers.get("authorization")
        if not authorization:
            raise _unknown("this needs a header: appSecret, clientSecret, or Authorization: Bearer <token>")
        told = authorization.partition(" ")[2].strip()
        if not told.startswith(f"{token.PREFIX}."):
            return await self._desk.keys.who(authorization)
        app = await token.app_of(told, self._desk.store.apps, self._desk.now())
        if app is None:
            raise _unknown("the token is expired or not known")
        return Key("app", app)

    def _refusal(self, refusal: Refused) -> Response:
        return refusal_response(refusal)


def _unknown(detail: str) -> Refused:
    return refused(HTTPStatus.UNAUTHORIZED, detail, headers=CHALLENGE)
