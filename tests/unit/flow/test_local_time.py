"""Each device at a time of its own zone: over all zones, both clock changes, and wherever a device goes meanwhile."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.flow.local_time import LocalTime, Passed, due, first_moment, known_zones, last_moment, moment
from shared.flow.policy import QuietHours

iso = datetime.fromisoformat
ZONES = st.sampled_from(sorted(known_zones()))
TIMES = st.datetimes(iso("2026-01-01T00:00"), iso("2040-12-31T00:00"))
PASSED = st.sampled_from(get_args(Passed))
BEGINS = st.timedeltas(-timedelta(hours=14), timedelta(hours=40))
MINUTES = st.times().map(lambda one: one.replace(second=0, microsecond=0))
DAY = timedelta(days=1)


def exists(at: datetime, zone: str) -> bool:
    """Whether a clock of this zone ever shows it."""
    return moment(at, zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == at


@given(at=TIMES, zone=ZONES)
@example(at=iso("2030-03-31T02:30"), zone="Europe/Berlin")
@example(at=iso("2030-10-27T02:30"), zone="Europe/Berlin")
@example(at=iso("2030-10-06T02:15"), zone="Australia/Lord_Howe")
@example(at=iso("2030-09-08T00:30"), zone="America/Santiago")
def test_a_moment_shows_the_time_on_the_clocks_of_its_zone_or_the_first_one_after_a_change(
    at: datetime, zone: str
) -> None:
    found = moment(at, zone)
    shown = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if exists(at, zone):
        assert shown == at
        earlier = [found - timedelta(minutes=minutes) for minutes in range(15, 181, 15)]
        assert all(one.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != at for one in earlier), "the first of two"
    else:
        assert timedelta() < shown - at <= timedelta(hours=3), "as long after the change as it says"


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        ("Europe/Berlin", "2030-03-31T02:30", "2030-03-31T01:30"),
        ("Europe/Berlin", "2030-10-27T02:30", "2030-10-27T00:30"),
        ("America/New_York", "2030-03-10T02:30", "2030-03-10T07:30"),
        ("America/New_York", "2030-11-03T01:30", "2030-11-03T05:30"),
        ("Asia/Kathmandu", "2030-01-01T09:00", "2030-01-01T03:15"),
        ("Pacific/Kiritimati", "2030-01-02T09:00", "2030-01-01T19:00"),
        ("Etc/GMT+12", "2030-01-01T09:00", "2030-01-01T21:00"),
    ],
)
def test_the_moments_of_well_known_changes(zone: str, at: str, expected: str) -> None:
    assert moment(datetime.fromisoformat(at), zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(at=TIMES, zone=ZONES, passed=PASSED, after=BEGINS)
def test_nobody_is_due_before_the_send_can_begin_nor_after_its_last_moment(
    at: datetime, zone: str, passed: Any, after: timedelta
) -> None:
    local = LocalTime(at=at, passed=passed)
    assert first_moment(local) <= moment(at, zone)
    began = first_moment(local) + max(after, timedelta())
    found = due(local, zone, began)
    if found is None:
        assert passed == "skip"
        assert moment(at, zone) < began
        return
    assert began <= found <= last_moment(local, began)
    if passed == "next_day" and found > moment(at, zone):
        clock = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert clock.time() == at.time() or not exists(datetime.combine(clock.date(), at.time()), zone)


@given(at=TIMES, passed=PASSED, moves=st.lists(st.tuples(ZONES, st.integers(0, 50)), min_size=1, max_size=8))
def test_a_device_that_moves_gets_exactly_one_and_never_before_its_time(
    at: datetime, passed: Any, moves: list[tuple[str, int]]
) -> None:
    """It is asked for its zone when its turn comes; where that is later there, it waits on."""
    local = LocalTime(at=at, passed=passed)
    began = first_moment(local)
    homes = [(began, moves[0][0])]
    for zone, hours in moves[1:]:
        homes.append((homes[-1][0] + timedelta(hours=hours), zone))

    def home(now: datetime) -> str:
        return [zone for since, zone in homes if since <= now][-1]

    turn = due(local, home(began), began)
    assert turn is not None, "the send began before it was that time anywhere"
    turns = 0
    while (there := due(local, home(turn), began)) is not None and there > turn:
        turn, turns = there, turns + 1
        assert turns <= len(moves)
    assert turn >= moment(at, home(turn))
    assert turn <= last_moment(local, began)


@given(start=MINUTES, end=MINUTES, zone=ZONES, now=st.datetimes(iso("2026-01-01T00:00"), iso("2040-01-01T00:00")))
@example(start=time(1, 0), end=time(2, 30), zone="Europe/Berlin", now=iso("2030-10-27T00:59"))
@example(start=time(1, 0), end=time(2, 30), zone="Europe/Berlin", now=iso("2030-10-27T01:10"))
@example(start=time(22, 0), end=time(2, 30), zone="Europe/Berlin", now=iso("2030-03-30T23:00"))
def test_quiet_hours_are_on_by_the_devices_clock_and_end_within_a_day(
    start: time, end: time, zone: str, now: datetime
) -> None:
    if start == end:
        return
    quiet, at = QuietHours(start=start, end=end), now.replace(tzinfo=UTC)
    ends, clock = quiet.ends(zone, at), at.astimezone(ZoneInfo(zone)).time()
    on = start <= clock < end if start < end else (clock >= start or clock < end)
    assert (ends is not None) == on
    if ends is None:
        return
    assert at < ends <= at + DAY + timedelta(hours=3)
    assert quiet.ends(zone, ends) is None, "nobody is held twice"


def test_what_names_no_zone_is_asked_by_the_default() -> None:
    local = LocalTime(at=iso("2030-01-01T09:00"), zone="Asia/Tokyo")
    began = first_moment(local)
    for unknown in (None, "Atlantis/Capital", 5):
        assert due(local, unknown, began) == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        {"at": "2030-01-01T09:00:00Z"},
        {"at": "1830-01-01T09:00:00"},
        {"at": "9999-12-31T23:00:00"},
        {"at": "2030-01-01T09:00:00", "zone": "Mars/Olympus"},
        {"at": "2030-01-01T09:00:00", "passed": "maybe"},
    ],
)
def test_what_is_no_local_time_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        LocalTime.model_validate(said)


@pytest.mark.parametrize(("start", "end"), [("22:00", "22:00"), ("22:00:30", "08:00"), ("22:00Z", "08:00"), ("x", "y")])
def test_what_are_no_quiet_hours_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValidationError):
        QuietHours.model_validate({"start": start, "end": end})
