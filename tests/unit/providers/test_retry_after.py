"""`Retry-After` in all its forms."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.retry_after import LONGEST, retry_after

NOW = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC)


@pytest.mark.parametrize("value", ["37", " 37 ", "037"])
def test_seconds_are_read(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) == timedelta(seconds=37)


@pytest.mark.parametrize(
    "value",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_all_three_forms_of_an_http_date_are_read(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) == timedelta(seconds=37)


def test_a_date_is_measured_against_the_answers_own_clock() -> None:
    headers = {"retry-after": "Sun, 06 Nov 1994 09:00:00 GMT", "date": "Sun, 06 Nov 1994 08:59:30 GMT"}
    assert retry_after(headers, NOW) == timedelta(seconds=30)


@pytest.mark.parametrize(
    "value",
    ["", "0", "-5", "1.5", "soon", "٣٧", "37s", "Sun, 06 Nov 1994 08:48:59 GMT", "Sun, 99 Nov 1994 08:00:00 GMT"],
)
def test_past_dates_and_garbage_are_absent(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) is None


def test_an_answer_without_the_header_asks_for_nothing() -> None:
    assert retry_after({}, NOW) is None


@given(st.text(max_size=60))
def test_nothing_in_the_header_breaks_the_reader(value: str) -> None:
    wait = retry_after({"retry-after": value, "date": value}, NOW)
    assert wait is None or timedelta() < wait <= LONGEST


@given(st.integers(min_value=1, max_value=10**30))
def test_any_number_of_seconds_is_read_up_to_a_year(seconds: int) -> None:
    assert retry_after({"retry-after": str(seconds)}, NOW) == min(seconds, 31_536_000) * timedelta(seconds=1)
