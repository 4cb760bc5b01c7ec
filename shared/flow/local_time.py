"""Each device at a time of day of its own zone: what is asked for, and which moment that is for a zone. Pure.

A time that a clock change leaves out is as long after the change as it says (02:30 becomes 03:30); one that comes twice
is the first of the two (RFC 5545, section 3.3.5).
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, NaiveDatetime, StringConstraints
from pydantic_core import PydanticCustomError

from shared.flow.model import Travelling

EAST: Final = timedelta(hours=14)
"""Nowhere is it later than in Kiribati's Line Islands (Pacific/Kiritimati)."""
WEST: Final = timedelta(hours=12)
"""Nowhere is it earlier than on Baker and Howland Island (Etc/GMT+12)."""
FIRST_YEAR, LAST_YEAR = 2000, 2999
DAY: Final = timedelta(days=1)
GAP: Final = timedelta(hours=3)
"""No clock change that is foreseen leaves out so much."""


@lru_cache(1)
def known_zones() -> frozenset[str]:
    """The names of the time zones."""
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in known_zones():
        raise PydanticCustomError("zone", "no time zone of that name, as in Europe/Berlin")
    return value


def _dated(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise PydanticCustomError("date", "a date of our time")
    return value


Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]
Passed = Literal["now", "next_day", "skip"]


class LocalTime(Travelling):
    """A date and time of day without a zone: each device's own zone decides which moment that is."""

    at: Annotated[NaiveDatetime, AfterValidator(_dated)] = Field(description="e.g. 2030-01-31T09:00:00, without a zone")
    passed: Passed = Field(
        default="now",
        description="for zones where that was before the send could begin: send at once, at that time of the next day, "
        "or not at all (suppressed: zone_passed)",
    )
    zone: Zone = Field(default="UTC", description="for devices that named no zone")


@lru_cache(4096)
def moment(at: datetime, zone: str) -> datetime:
    """When a clock in this zone shows that time."""
    return at.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def first_moment(local: LocalTime) -> datetime:
    """Nowhere is it that time before."""
    return local.at.replace(tzinfo=UTC) - EAST


def last_moment(local: LocalTime, began: datetime) -> datetime:
    """No device is due after this, wherever it is or goes, when the send could begin then."""
    over = local.at.replace(tzinfo=UTC) + WEST + GAP
    return max(over, began + DAY + GAP) if local.passed == "next_day" else max(over, began)


def due(local: LocalTime, zone: object, began: datetime) -> datetime | None:
    """When a device of this zone is to get a send that could begin then; None: it is too late there."""
    name = zone if isinstance(zone, str) and zone in known_zones() else local.zone
    found = moment(local.at, name)
    if found >= began:
        return found
    if local.passed == "skip":
        return None
    if local.passed == "now":
        return began
    at = local.at
    while found < began:
        at += DAY
        found = moment(at, name)
    return found


def said_zone(facts: Any) -> object:
    """The zone that a device's registration named, if it is known at all."""
    return facts.get("zone") if facts else None
