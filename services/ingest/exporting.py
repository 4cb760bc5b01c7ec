"""A backend exports its devices: a line each, as an import takes it."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from pydantic import Field

from services.ingest.call import Call, Reply, Text
from services.ingest.desk import Desk
from services.ingest.lines import MEDIA_TYPE as LINES
from services.ingest.problems import missing
from shared.flow.model import Travelling

FIELDS: Final = (
    "variant", "token", "user", "tags", "attributes", "locale", "zone", "app_version", "os_version", "categories",
    "first_seen", "registered_at",
)  # fmt: skip


class Which(Travelling):
    """Whose devices."""

    variant: str | None = Field(default=None, max_length=64, description="of this variant only")


async def export(desk: Desk, call: Call) -> Reply:
    """Every device in service, by variant; a device that changes meanwhile is there as it was or as it is."""
    which: Which = call.query
    known = [one.variant for one in (await desk.rosters.of(call.app, fresh=True)).targets]
    if which.variant is not None and which.variant not in known:
        raise missing("the app has no such variant")
    found = _lines(desk, call.app, [which.variant] if which.variant else known)
    return Reply(HTTPStatus.OK, Text(found, LINES))


async def _lines(desk: Desk, app: str, variants: list[str]) -> AsyncIterator[bytes]:
    for variant in variants:
        async for page in desk.store.export.pages(app, variant):
            yield b"".join(map(_line, page))


def _line(row: dict[str, Any]) -> bytes:
    known = {name: row[name] for name in FIELDS if row.get(name) is not None}
    line = {"id": bytes(row["_id"]).hex(), **known}
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False, default=_plain).encode() + b"\n"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    message = f"no JSON for {type(value).__name__}"
    raise TypeError(message)
