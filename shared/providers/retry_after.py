"""Reads `Retry-After`: seconds or an HTTP date (RFC 9110, section 10.2.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = timedelta(days=365)
"""A longer wish means the same (no message lives that long), and would not fit into a date."""

MOST_DIGITS: Final = 12
"""More digits of seconds than this overflow a `timedelta`."""


def retry_after(headers: Mapping[str, str], answered_at: datetime) -> timedelta | None:
    """How long the answer asks to wait; a date that has passed, no wait at all and garbage count as absent.

    A date is measured against the answer's own `Date`, so that the two clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        wait = min(timedelta(seconds=int(value)), LONGEST) if len(value) <= MOST_DIGITS else LONGEST
    else:
        moment = _date(value)
        if moment is None:
            return None
        wait = min(moment - (_date(headers.get("date", "")) or answered_at), LONGEST)
    return wait if wait > timedelta() else None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    # asctime's form names no zone; HTTP dates are always in GMT.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
