"""Who asks, as the UnifiedPush Server's clients say it, by HTTP Basic (RFC 7617): an app's id with its app secret, or a
variant's id with its app's client secret. The entrance has verified the secret; here the name has to fit it.
"""

import base64
from http import HTTPStatus
from typing import Final

from services.ingest.call import Call
from services.ingest.desk import Desk
from services.ingest.problems import Refused, refused

CHALLENGE: Final = 'Basic realm="AeroGear UnifiedPush Server"'
"""As its documentation has it."""


def check_sender(call: Call) -> None:
    """Raises `Refused` unless the secret's own app is named; a key that comes as Bearer names its app by itself."""
    named = _named(call)
    if named not in (None, call.app):
        raise _unknown("the user is to be the app's id, the password its app secret")


async def variant_of(desk: Desk, call: Call) -> tuple[str, str]:
    """The variant that speaks, and its platform. Raises `Refused`."""
    variant = _named(call) or ""
    platform = (await desk.rosters.of(call.app)).platform(variant)
    if platform is None and variant:
        platform = (await desk.rosters.of(call.app, fresh=True)).platform(variant)
    if platform is None:
        raise _unknown("the user is to be the id of one of the app's variants, the password its client secret")
    return variant, platform


def _named(call: Call) -> str | None:
    """The user of HTTP Basic; None if the key came otherwise."""
    scheme, _, told = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    return base64.b64decode(told).decode().partition(":")[0]  # the entrance has read it before


def _unknown(why: str) -> Refused:
    return refused(HTTPStatus.UNAUTHORIZED, why, headers={"WWW-Authenticate": CHALLENGE})
