"""When a send begins and ends, as its request says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.flow.timing import AHEAD, DEFAULT_TTL, MAX_TTL, Timed, begins_at, deadline_of, missed, untimely

iso = datetime.fromisoformat
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(iso("2029-01-01T00:00"), iso("2031-12-31T00:00"), timezones=st.just(UTC))
SPANS = st.floats(0.001, MAX_TTL.total_seconds())


def timed(**said: Any) -> Timed:
    return Timed.model_validate(said)


@given(send_at=st.none() | MOMENTS, ttl=st.none() | SPANS, expires_at=st.none() | MOMENTS)
def test_nothing_begins_in_the_past_nor_outlives_its_ttl_or_its_expiry(
    send_at: datetime | None, ttl: float | None, expires_at: datetime | None
) -> None:
    one = timed(send_at=send_at, ttl=ttl, expires_at=expires_at)
    begins = begins_at(one, NOW)
    assert begins is None or begins > NOW - timedelta(milliseconds=1)
    deadline = deadline_of(one, begins or NOW)
    life = DEFAULT_TTL if ttl is None else timedelta(seconds=ttl)
    assert deadline <= (begins or NOW) + life
    assert expires_at is None or deadline <= expires_at
    if not untimely(one, NOW):
        assert deadline > (begins or NOW) - timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"send_at": NOW + AHEAD + HOUR}, "send_at"),
        ({"send_at": NOW - 2 * HOUR}, "send_at"),
        ({"send_at": NOW - timedelta(seconds=61), "start_within": 60}, "send_at"),
        ({"expires_at": NOW}, "expires_at"),
        ({"send_at": NOW + HOUR, "expires_at": NOW + HOUR}, "expires_at"),
        ({"start_within": 60}, "start_within"),
        ({"send_at": NOW + HOUR, "local": {"at": "2030-01-02T09:00:00"}}, "local"),
        ({"local": {"at": "2030-01-02T09:00:00"}, "repeat": {"cron": "* * * * *"}}, "repeat"),
        ({"repeat": {"cron": "* * * * *"}, "expires_at": NOW + HOUR}, "expires_at"),
        ({"repeat": {"cron": "* * * * *", "until": NOW}}, "repeat"),
        ({"repeat": {"cron": "* * * * *", "until": "2999-12-31T00:00:00Z"}}, "repeat/until"),
        ({"local": {"at": "2029-12-31T23:00:00"}}, "local/at"),
        ({"local": {"at": "2032-01-01T00:00:00"}}, "local/at"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(said: dict[str, Any], field: str) -> None:
    assert [name for name, _ in untimely(timed(**said), NOW)] == [field]


def test_a_moment_that_has_just_passed_is_now() -> None:
    assert untimely(timed(send_at=NOW - timedelta(minutes=59)), NOW) == []
    assert begins_at(timed(send_at=NOW - timedelta(minutes=59)), NOW) is None


@pytest.mark.parametrize(
    "said",
    [
        {"send_at": "2030-01-01T09:00:00"},
        {"expires_at": "2030-01-01"},
        {"send_at": "2030-01-01T09:00:00Z", "start_within": 0},
        {"repeat": {"cron": "60 * * * *"}},
        {"repeat": {"cron": "* * * * *", "zone": "Nowhere"}},
    ],
)
def test_what_says_no_moment_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        timed(**said)


def test_a_send_is_missed_when_it_begins_later_than_is_tolerated() -> None:
    assert not missed(NOW, HOUR, NOW + HOUR)
    assert missed(NOW, HOUR, NOW + HOUR + timedelta(milliseconds=1))
