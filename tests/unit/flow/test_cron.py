"""Cron expressions: what they mean, what is none, and that no moment is left out or repeated by a clock change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.cron import NoCron, last_until, next_after, parsed
from shared.flow.local_time import known_zones

iso = datetime.fromisoformat
ZONES = st.sampled_from(sorted(known_zones()))
MOMENTS = st.datetimes(iso("2026-01-01"), iso("2037-01-01"), timezones=st.just(UTC))


def part(low: int, high: int) -> st.SearchStrategy[str]:
    spans = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    return st.one_of(
        st.just("*"),
        st.integers(low, high).map(str),
        spans.map(lambda span: f"{span[0]}-{span[1]}"),
        st.integers(1, 20).map(lambda step: f"*/{step}"),
        st.tuples(spans, st.integers(1, 9)).map(lambda one: f"{one[0][0]}-{one[0][1]}/{one[1]}"),
    )


CRONS = st.tuples(part(0, 59), part(0, 23), part(1, 28), part(1, 12), part(0, 7)).map(" ".join)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 9 * * *", "2030-01-01T09:00", "2030-01-02T09:00"),
        ("0 9 * * mon-fri", "2030-01-04T10:00", "2030-01-07T09:00"),
        ("*/15 * * * *", "2030-01-01T09:01", "2030-01-01T09:15"),
        ("5/20 * * * *", "2030-01-01T09:26", "2030-01-01T09:45"),
        ("30 8 1,15 * *", "2030-01-02T00:00", "2030-01-15T08:30"),
        ("0 0 29 feb *", "2030-01-01T00:00", "2032-02-29T00:00"),
        ("0 0 13 * fri", "2030-01-01T00:00", "2030-01-04T00:00"),
        ("0 0 * * 7", "2030-01-01T00:00", "2030-01-06T00:00"),
        ("0 0 * * fri-sun", "2030-01-05T00:00", "2030-01-06T00:00"),
        ("0 0 * * 6-0", "2030-01-06T00:00", "2030-01-12T00:00"),
        ("0 0 * * sun-sun", "2030-01-06T00:00", "2030-01-13T00:00"),
        ("59 23 31 12 *", "2030-12-31T23:59", "2031-12-31T23:59"),
    ],
)
def test_what_comes_next(text: str, after: str, expected: str) -> None:
    assert next_after(parsed(text), "UTC", iso(after).replace(tzinfo=UTC)) == iso(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "1,,2 * * * *",
        "-1 * * * *",
        "1- * * * *",
        "* * 31 2,4 *",
        "@daily",
        "* * * * ٣",
        "9999999999 * * * *",
    ],
)
def test_what_is_no_cron_expression_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(NoCron, match=r"\w"):
        parsed(text)


@given(text=CRONS, zone=ZONES, after=MOMENTS)
def test_the_next_moment_shows_what_was_asked_for_on_the_clocks_of_the_zone(
    text: str, zone: str, after: datetime
) -> None:
    cron = parsed(text)
    found = next_after(cron, zone, after)
    assert found is not None
    assert found > after
    clock = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    lately = [clock - timedelta(minutes=15 * quarters) for quarters in range(13)]  # where a clock change left it out
    assert any(cron.on(one.date()) and one.minute in cron.minutes and one.hour in cron.hours for one in lately)


@given(text=CRONS, zone=ZONES, after=MOMENTS)
def test_next_and_last_agree_and_leave_nothing_between(text: str, zone: str, after: datetime) -> None:
    cron = parsed(text)
    first = next_after(cron, zone, after)
    assert first is not None
    assert last_until(cron, zone, first) == first
    before = last_until(cron, zone, first - timedelta(seconds=1))
    assert before is None or before <= after
    assert before is None or next_after(cron, zone, before) == first


@pytest.mark.parametrize(
    ("zone", "day", "moments"),
    [
        ("Europe/Berlin", "2030-03-31", ["2030-03-31T01:30"]),
        ("Europe/Berlin", "2030-10-27", ["2030-10-27T00:30"]),
        ("America/New_York", "2030-03-10", ["2030-03-10T07:30"]),
        ("America/New_York", "2030-11-03", ["2030-11-03T06:30"]),
    ],
)
def test_half_past_two_comes_once_on_the_days_of_the_clock_changes(zone: str, day: str, moments: list[str]) -> None:
    cron = parsed("30 2 * * *")
    if day == "2030-11-03":  # there one o'clock comes twice
        cron = parsed("30 1 * * *")
        moments = ["2030-11-03T05:30"]
    begins, found = iso(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC), []
    ends, at = begins + timedelta(hours=23), begins
    while (at := next_after(cron, zone, at) or ends) < ends:
        found.append(at.replace(tzinfo=None).isoformat(timespec="minutes"))
    assert found == moments
