"""Where the next page of sends begins: opaque to who reads it, and worth nothing in another app."""

import base64
import binascii
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from shared.flow.identity import SEND_ID, send_key
from shared.flow.send import Send


def _is_cursor(text: str) -> str:
    if _decoded(text) is None:
        raise PydanticCustomError("cursor", "not the `next` of a page")
    return text


Cursor = Annotated[str, StringConstraints(max_length=200), AfterValidator(_is_cursor)]


def write_cursor(last: Send) -> str:
    """The cursor behind the last send of a page."""
    text = f"{last.accepted_at.isoformat()}|{last.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: Cursor, app: str) -> tuple[datetime, str] | None:
    """Time and key of the last send of the page before."""
    decoded = _decoded(cursor)
    return None if decoded is None else (decoded[0], send_key(app, decoded[1]))


def _decoded(text: str) -> tuple[datetime, str] | None:
    try:
        at, _, send = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
        moment = datetime.fromisoformat(at)
    except (binascii.Error, ValueError):
        return None
    return (moment, send) if moment.tzinfo and SEND_ID.fullmatch(send) else None
