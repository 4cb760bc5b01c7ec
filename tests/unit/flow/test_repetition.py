"""What a repeated send becomes: one send for each moment, whoever makes it, and never a pile of stale ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.accept import RouteTarget, Terms, accept
from shared.flow.filter import Filter, conditions
from shared.flow.identity import SEND_ID
from shared.flow.repetition import due, repetition
from shared.flow.send import Send, SendRequest
from shared.store.filtering import matching

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
VARIANTS = [RouteTarget("v1", "apns"), RouteTarget("v2", "fcm")]


def repeated(id_: str = "morning1", **said: Any) -> Send:
    request = SendRequest.model_validate(
        {"audience": {"everyone": True}, "message": {"title": "Ding"}, "repeat": {"cron": "0 * * * *"}, **said}
    )
    return accept(request, "app", f"app.{id_}", VARIANTS, NOW, check=lambda *_: ())


@given(gone=st.timedeltas(timedelta(), timedelta(days=40)))
def test_only_the_last_moment_is_made_up_for_and_only_while_it_is_fresh(gone: timedelta) -> None:
    parent, now = repeated(start_within=600), NOW + gone
    found = due(parent, now, parent.begins_at or NOW)
    if found is None:
        assert now - now.replace(minute=0, second=0, microsecond=0) > timedelta(minutes=10) or gone < HOUR
    else:
        assert timedelta() <= now - found <= timedelta(minutes=10)
        assert found >= NOW + HOUR
        assert (found.minute, found.second) == (0, 0)


def test_nothing_is_due_before_the_first_moment_nor_after_the_last() -> None:
    parent = repeated(repeat={"cron": "0 * * * *", "until": NOW + 2 * HOUR})
    first = NOW + HOUR
    assert parent.begins_at == first
    assert due(parent, first - timedelta(seconds=1), first) is None
    assert due(parent, first, first) == first
    assert due(parent, NOW + 2 * HOUR, first) == NOW + 2 * HOUR
    assert due(parent, NOW + 9 * HOUR, first) is None


@pytest.mark.parametrize("id_", ["morning1", "m" * 64])
def test_the_send_of_a_moment_is_the_same_whoever_makes_it(id_: str) -> None:
    parent, moment = repeated(id_, ttl=600), NOW + HOUR
    one, other = (repetition(parent, moment, moment + late, VARIANTS) for late in (timedelta(), timedelta(minutes=5)))
    assert one.key == other.key != repetition(parent, moment + HOUR, moment, VARIANTS).key
    assert SEND_ID.fullmatch(one.id)
    assert (one.begins_at, one.deadline) == (moment, moment + timedelta(minutes=10))
    assert one.request.repeat is None
    assert Send.model_validate_json(one.model_dump_json(exclude_defaults=True)) == one


def test_a_repetition_goes_to_the_variants_of_its_day_and_to_whom_its_parent_names() -> None:
    named = {"users": [f"u{n}" for n in range(50)], "platforms": ["apns"]}
    few, many = repeated(audience={"users": ["a"]}), repeated("evening1", audience=named)
    newer = [*VARIANTS, RouteTarget("v3", "apns")]
    one, other = (repetition(parent, NOW + HOUR, NOW + HOUR, newer) for parent in (few, many))
    assert (few.small, one.small, other.small) == (False, True, False)
    assert [route.variant for route in one.routes] == ["v1", "v2", "v3"]
    assert [route.variant for route in other.routes] == ["v1", "v3"]
    assert other.list_name("users") == many.list_name("users") == "app.evening1/users"
    assert other.lists == many.lists


def test_a_time_before_now_is_before_each_moment_also_within_a_segment() -> None:
    """Who has not been seen for thirty days is somebody else every week."""
    away = {"field": "registered_at", "lt": "-30d"}
    audience = {"filter": {"and": [{"not": away}, {"field": "registered_at", "gt": "2029-01-01T00:00:00Z"}]}}
    segments = {"away": Filter.model_validate(away)}
    request = SendRequest.model_validate(
        {"audience": {**audience, "segments": ["away"]}, "message": {}, "repeat": {"cron": "0 * * * *"}}
    )
    parent = accept(request, "app", "app.away0001", VARIANTS, NOW, check=lambda *_: (), terms=Terms(segments=segments))
    assert not parent.problems
    for moment in (NOW + HOUR, NOW + timedelta(days=70)):
        found = repetition(parent, moment, moment, VARIANTS).request.audience
        before = (moment - timedelta(days=30)).isoformat(timespec="milliseconds")
        since = "2029-01-01T00:00:00.000+00:00"
        assert found.filter is not None
        assert [one.lt or one.gt for one in conditions(found.filter) if one.field] == [before, before, since]
        matching(found)  # nothing is left that the store could not be asked
