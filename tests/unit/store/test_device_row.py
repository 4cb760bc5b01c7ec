"""What a registration changes of a row is what is other, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.store.device_row import difference, new_row

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
FIXED = {"token": "t", "token_key": b"k" * 12}
SAID: dict[str, Any] = {
    "user": "ada", "tags": ["a", "b"], "attributes": {"n": 1, "yes": True}, "locale": "de", "app_version": "2.1",
    "categories": {"ads": False},
}  # fmt: skip
ROW = new_row({"_id": b"d" * 12, **FIXED}, SAID, NOW)


@pytest.mark.parametrize("profile", [SAID, {}, {"user": "ada"}, {"zone": None}, {"tags": ["a", "b"], "locale": "de"}])
def test_who_says_nothing_new_changes_nothing(profile: dict[str, Any]) -> None:
    assert difference(ROW, FIXED, profile, NOW) == ({}, [])


@pytest.mark.parametrize(
    ("profile", "changed", "gone"),
    [
        ({"user": "bob"}, {"user": "bob"}, []),
        ({"user": None}, {}, ["user"]),
        ({"app_version": None}, {"facets"}, ["app_version", "app_version_key"]),
        ({"app_version": "2.2"}, {"app_version", "app_version_key", "facets"}, []),
        ({"tags": ["b", "a"]}, {"tags"}, []),
        ({"tags": ["a"]}, {"tags", "facets"}, []),
        ({"categories": {"ads": True}}, {"categories"}, []),
        ({"attributes": {"n": 1.0, "yes": True}}, {"attributes"}, []),
        ({"attributes": {"n": 1, "yes": 1}}, {"attributes", "facets"}, []),
        ({"attributes": {"n": True, "yes": True}}, {"attributes", "facets"}, []),
        ({"attributes": {}}, {"attributes", "facets"}, []),
    ],
)
def test_what_is_other_is_written_and_what_is_taken_back_is_removed(
    profile: dict[str, Any], changed: Any, gone: list[str]
) -> None:
    written, removed = difference(ROW, FIXED, profile, NOW)
    assert set(written) == set(changed)
    assert removed == gone


def test_a_later_registration_dates_the_row_and_its_day() -> None:
    soon, tomorrow = NOW + timedelta(seconds=1), NOW + timedelta(days=1)
    assert difference(ROW, FIXED, {}, soon) == ({"registered_at": soon}, [])
    written, _ = difference(ROW, FIXED, {}, tomorrow)
    assert set(written) == {"registered_at", "facets"}
    assert sorted(written["facets"]) == sorted(new_row({}, SAID, tomorrow)["facets"])


def test_a_device_that_was_put_out_of_service_is_back() -> None:
    row = {**ROW, "live": False, "retired": {"reason": "Unregistered"}}
    assert difference(row, FIXED, {}, NOW) == ({"live": True}, ["retired"])
    assert difference(ROW, {**FIXED, "token": "other"}, {}, NOW) == ({"token": "other"}, [])
