"""OneSignal: the CSV of its export (as it is, or still compressed with gzip).

Columns: identifier (the token), device_type, external_user_id, language, timezone_id, device_os, game_version, tags (a
JSON object), last_active, created_at, invalid_identifier. Source: OneSignal, Export subscriptions CSV; Player model.
Its tags are values under names: they become attributes; the external id becomes the user.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, cast
from zoneinfo import available_timezones

from services.cli.importing.row import Row, Skipped, Variants, WrongFormatError, attribute, device, user
from shared.flow.language_tag import canonical_locale
from shared.flow.version import order_of

NAMES: Final = {
    "0": "apns", "1": "fcm", "2": "adm", "3": "mpns", "4": "chrome", "5": "webpush", "6": "wns", "7": "safari",
    "8": "webpush", "9": "macos", "10": "alexa", "11": "email", "13": "huawei", "14": "sms", "17": "safari",
}  # fmt: skip
"""Player model, device_type; both our platforms and those we name only to say that nobody mapped them."""
TYPES: Final = {
    "iospush": "apns", "androidpush": "fcm", "fireospush": "adm", "chromepush": "webpush", "firefoxpush": "webpush",
    "safaripush": "safari", "safarilegacypush": "safari", "macospush": "macos", "windowspush": "wns",
    "huaweipush": "huawei",
}  # fmt: skip
"""The same as subscriptions are named since (User model, type)."""
LOCALE: Final = 35
"""Characters of a language tag, as Carillon takes it."""
DEAD: Final = frozenset({"t", "true", "1", "yes"})
GZIP: Final = b"\x1f\x8b"
ATTRIBUTES: Final = 50


def read(file: BinaryIO, variants: Variants) -> Iterator[Row]:
    """Every subscription; the place is the line, counted without the header. Raises `WrongFormatError`."""
    try:
        yield from _rows(file, variants)
    except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"no CSV in UTF-8, or cut off: {error}"
        raise WrongFormatError(message) from error


def _rows(file: BinaryIO, variants: Variants) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)
    rows = csv.DictReader(io.TextIOWrapper(_unpacked(file), "utf-8-sig", newline=""))
    if "identifier" not in (rows.fieldnames or ()):
        message = "no column named identifier"
        raise WrongFormatError(message)
    zones = available_timezones()
    for place, row in enumerate(rows, 1):
        yield _row(place, row, variants, zones)


def _unpacked(file: BinaryIO) -> BinaryIO:
    buffered = io.BufferedReader(cast(io.RawIOBase, file))
    packed = buffered.peek(2)[:2] == GZIP
    return cast(BinaryIO, gzip.GzipFile(fileobj=buffered)) if packed else cast(BinaryIO, buffered)


def _row(place: int, row: dict[str, str], variants: Variants, zones: set[str]) -> Row:
    token = (row.get("identifier") or "").strip()
    if not token:
        return Skipped(place, "no identifier: never subscribed")
    if (row.get("invalid_identifier") or "").strip().lower() in DEAD:
        return Skipped(place, "invalid_identifier: unsubscribed, or the token is dead")
    if (row.get("notification_types") or "").strip().startswith("-"):
        return Skipped(place, "notification_types: unsubscribed")
    zone = (row.get("timezone_id") or "").strip()
    system, version = (row.get("device_os") or "").strip(), (row.get("game_version") or "").strip()
    kind, language = (row.get("device_type") or "").strip(), (row.get("language") or "").strip()
    said = {
        "token": token,
        "user": user(row.get("external_user_id") or row.get("external_id")),
        "locale": canonical_locale(language) if len(language) <= LOCALE else None,
        "zone": zone if zone in zones else None,
        "os_version": system if order_of(system) else None,
        "app_version": version if order_of(version) else None,
        "attributes": _attributes(row.get("tags") or ""),
        "first_seen": _time(row.get("created_at") or ""),
        "registered_at": _time(row.get("last_active") or ""),
    }
    return device(place, variants, NAMES.get(kind) or TYPES.get(kind.lower(), kind.lower()), said)


def _attributes(tags: str) -> dict[str, Any]:
    """Names that an attribute cannot have are written with underscores."""
    try:
        found = json.loads(tags) if tags.strip() else {}
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    named = {_name(str(name)): attribute(value) for name, value in found.items() if value is not None}
    return dict(list(named.items())[:ATTRIBUTES])


def _name(name: str) -> str:
    kept = "".join(one if one.isascii() and (one.isalnum() or one in "_-") else "_" for one in name)[:64]
    return kept if kept[:1].isalpha() or kept[:1] == "_" else f"_{kept}"[:64]


def _time(text: str) -> str | None:
    """`2023-01-31 12:00:00 UTC`, `2023-01-31 12:00:00`, or seconds since 1970."""
    text = text.strip().removesuffix(" UTC")
    try:
        at = (
            datetime.fromtimestamp(float(text), UTC)
            if text.replace(".", "").isdigit()
            else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError, OSError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
