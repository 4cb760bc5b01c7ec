"""What the UnifiedPush Server's clients count on beside its endpoints: addresses under its context root or with a slash
at the end (both senders write one), and answers that scripts in a web view may read (CORS).
"""

import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.ingest.doors.aerogear.credentials import CHALLENGE

ROOT: Final = "/rest/"
_PATH: Final = re.compile(r"(?:/[^/]+)?(/rest/(?:sender|registry/device)(?:/.*)?)")
"""One folder before it is the context root that it was installed under, `/ag-push` unless set."""
_READABLE: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
"""No cookie is ever asked for, so any page may ask that has the key."""
_ASKING: Final = _READABLE | {
    "Access-Control-Allow-Methods": "POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "accept, origin, content-type, authorization, aerogear-sender, aerogear-push-id, "
    "x-ag-old-token",
    "Access-Control-Max-Age": "604800",
}


class Manners:
    """Goes before the app that has the endpoints."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and ROOT in scope["path"] else None
        if found is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=200, headers=_ASKING)(scope, receive, send)
        else:
            path = found[1].rstrip("/")
            await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, _polite(send))


def _polite(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_READABLE)
            if message["status"] == 401:  # noqa: PLR2004  # RFC 9110
                headers["WWW-Authenticate"] = CHALLENGE
        await send(message)

    return told
