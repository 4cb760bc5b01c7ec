"""Cron expressions: which minutes of which days, by the clocks of a zone, and the moments that follow. Pure.

Five fields as in POSIX crontab: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday); lists,
ranges, steps, English names of months and days. Where both kinds of days are restricted, either is enough.
A time that a clock change leaves out comes as long after the change; one that it repeats comes once, the first time.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from shared.flow.local_time import DAY, moment

DAYS_SOUGHT: Final = 366 * 41
"""The 29th of February is the same day of the week again after 40 years at the most."""
NAMES: Final[tuple[dict[str, int], ...]] = (
    {},
    {},
    {},
    {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name},
    {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))},
)
BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
WEEKDAY: Final = 4
"""The last of the fields."""
WORDS: Final = ("minute", "hour", "day of the month", "month", "day of the week")


class NoCron(ValueError):  # noqa: N818  # said of the text
    """The text is no cron expression; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When, as sets of numbers; `either`: a day of the month or of the week is enough."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def on(self, day: date) -> bool:
        """Whether it is one of the days."""
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (of_month or of_week if self.either else of_month and of_week)

    def times(self, day: date) -> Iterator[datetime]:
        """The times of one of the days, on its clocks, in order."""
        for hour in self.hours:
            for minute in self.minutes:
                yield datetime.combine(day, time(hour, minute))


@lru_cache(256)
def parsed(text: str) -> Cron:
    """Raises `NoCron`."""
    fields = text.lower().split()
    if len(fields) != len(BOUNDS):
        raise NoCron("five fields: minute, hour, day of the month, month, day of the week")
    minutes, hours, days, months, weekdays = (_field(one, number) for number, one in enumerate(fields))
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not either and all(day > _longest(month) for month in months for day in days):
        raise NoCron("there is no such day in any of these months")
    return Cron(
        minutes=tuple(sorted(minutes)), hours=tuple(sorted(hours)), days=frozenset(days), months=frozenset(months),
        weekdays=frozenset(number % 7 for number in weekdays), either=either,
    )  # fmt: skip


def next_after(cron: Cron, zone: str, after: datetime) -> datetime | None:
    """The first moment after this one; None: there is none within forty years."""
    day = after.astimezone(ZoneInfo(zone)).date() - DAY
    for _ in range(DAYS_SOUGHT):
        if cron.on(day):
            found = min((one for one in _moments(cron, zone, day) if one > after), default=None)
            if found is not None:
                return found
        day += DAY
    return None


def last_until(cron: Cron, zone: str, until: datetime) -> datetime | None:
    """The last moment until this one, itself included; None: there was none within forty years."""
    day = until.astimezone(ZoneInfo(zone)).date() + DAY
    for _ in range(DAYS_SOUGHT):
        if cron.on(day):
            found = max((one for one in _moments(cron, zone, day) if one <= until), default=None)
            if found is not None:
                return found
        day -= DAY
    return None


def _moments(cron: Cron, zone: str, day: date) -> Iterator[datetime]:
    return (moment(one, zone) for one in cron.times(day))


def _field(text: str, number: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        found |= _part(part, number)
    return found


def _part(text: str, number: int) -> set[int]:
    """One of `*`, `5`, `1-5`, each with an optional `/step`."""
    low, high = BOUNDS[number]
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    if span != "*":
        low, high = _number(first, number), _number(last if dash else first, number) if dash or not slash else high
    if number == WEEKDAY and dash and low and not high:
        high = 7  # fri-sun ends the week
    every = _whole(step) if slash else 1
    if low > high or every < 1:
        raise NoCron(f"{WORDS[number]}: {text!r} is empty")
    return set(range(low, high + 1, every))


def _number(text: str, number: int) -> int:
    value = NAMES[number].get(text)
    value = _whole(text) if value is None else value
    low, high = BOUNDS[number]
    if not low <= value <= high:
        raise NoCron(f"{WORDS[number]}: from {low} to {high}")
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len("59") + 1:
        raise NoCron(f"{text[:20]!r} is no number")
    return int(text)


def _longest(month: int) -> int:
    return calendar.monthrange(2028, month)[1]  # a leap year
