"""The rehearsal's books close on a true story, and do not on any that was tampered with."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.rehearsal.books import close, judged, registry, strangers
from services.cli.rehearsal.ledger import Asked
from shared.flow.report import Report
from shared.flow.verdict import Fate
from tests.unit.cli.stories import DEVICES, SCALE, asked_for, later, report_for

SUMS, OUTCOMES, EACH = range(3)
REPORT = report_for(DEVICES)
ASKED = asked_for(DEVICES)
FATES = [fate for fate in Fate if getattr(REPORT.total, fate)]


def tampered(change: Callable[[dict[str, Any]], None]) -> Report:
    told = REPORT.model_dump(mode="json")
    change(told)
    return Report.model_validate(told)


def failing(report: Report, asked: list[Asked]) -> set[int]:
    return {n for n, check in enumerate(close(report, DEVICES, asked, SCALE)) if not check.ok}


def one(condition: str) -> int:
    """Where in the log the first device in this condition is asked for the first time."""
    device = next(device for device in DEVICES if device.condition.name == condition)
    return next(n for n, asked in enumerate(ASKED) if asked.token == device.token)


def test_the_books_of_a_true_story_close() -> None:
    assert failing(REPORT, ASKED) == set()


def test_the_order_of_the_log_between_devices_does_not_matter() -> None:
    assert failing(REPORT, sorted(ASKED, key=lambda asked: (asked.at, asked.token))) == set()


@pytest.mark.parametrize("fate", FATES)
def test_a_total_that_is_one_too_high_does_not_add_up(fate: Fate) -> None:
    def change(told: dict[str, Any]) -> None:
        told["total"][fate] += 1

    assert SUMS in failing(tampered(change), ASKED)


@pytest.mark.parametrize("fate", FATES)
def test_a_variant_that_is_one_too_low_does_not_add_up(fate: Fate) -> None:
    def change(told: dict[str, Any]) -> None:
        told["variants"][0][fate] -= 1

    assert failing(tampered(change), ASKED) >= {SUMS, OUTCOMES}


def test_a_device_moved_from_one_outcome_to_another_is_found_though_every_sum_still_closes() -> None:
    def change(told: dict[str, Any]) -> None:
        for part in (told["total"], told["variants"][0]):
            part["delivered"] += 1
            part["unregistered"] -= 1
            part["reasons"]["unregistered"]["Unregistered"] -= 1

    assert failing(tampered(change), ASKED) == {OUTCOMES}


def test_a_device_counted_under_another_reason_is_found() -> None:
    def change(told: dict[str, Any]) -> None:
        for part in (told["total"], told["variants"][0]):
            part["reasons"]["rejected"]["BadDeviceToken"] -= 1
            part["reasons"]["rejected"]["DeviceTokenNotForTopic"] += 1

    assert failing(tampered(change), ASKED) == {OUTCOMES}


def test_a_device_that_was_never_planned_is_found() -> None:
    def change(told: dict[str, Any]) -> None:
        for part in (told["total"], told["variants"][0]):
            part["planned"] -= 1
            part["delivered"] -= 1

    assert failing(tampered(change), ASKED) == {SUMS, OUTCOMES}


def test_reasons_that_do_not_cover_their_outcome_are_found() -> None:
    def change(told: dict[str, Any]) -> None:
        told["total"]["reasons"]["rejected"].pop("BadDeviceToken")

    assert failing(tampered(change), ASKED) == {SUMS}


@pytest.mark.parametrize("state", ["running", "accepted", "rejected"])
def test_a_send_that_is_not_finished_is_not_closed(state: str) -> None:
    assert failing(tampered(lambda told: told.update(state=state)), ASKED) == {SUMS}


def test_open_devices_are_no_closed_books() -> None:
    assert SUMS in failing(tampered(lambda told: told["total"].update(open=1)), ASKED)


@given(st.integers(min_value=0, max_value=len(ASKED) - 1))
def test_any_request_that_is_missing_from_the_log_is_found(place: int) -> None:
    assert EACH in failing(REPORT, ASKED[:place] + ASKED[place + 1 :])


@given(st.integers(min_value=0, max_value=len(ASKED) - 1))
def test_any_request_that_was_made_twice_is_found(place: int) -> None:
    assert failing(REPORT, [*ASKED, ASKED[place]]) == {EACH}


@given(st.integers(min_value=0, max_value=len(ASKED) - 1))
def test_any_answer_that_was_another_one_is_found(place: int) -> None:
    wrong = replace(ASKED[place], answer="500 InternalServerError")
    assert EACH in failing(REPORT, [*ASKED[:place], wrong, *ASKED[place + 1 :]])


def test_a_delivered_device_whose_log_says_it_was_dead_is_found() -> None:
    place = one("healthy")
    wrong = replace(ASKED[place], answer="410 Unregistered")
    assert failing(REPORT, [*ASKED[:place], wrong, *ASKED[place + 1 :]]) == {OUTCOMES, EACH}


def test_a_retry_before_the_time_that_the_provider_asked_for_is_found() -> None:
    place = one("throttled") + 1
    early = later(ASKED[place], -timedelta(milliseconds=1))
    assert failing(REPORT, [*ASKED[:place], early, *ASKED[place + 1 :]]) == {EACH}


def test_a_device_that_was_not_meant_is_found() -> None:
    stranger = replace(ASKED[0], token="ab" * 32)
    assert failing(REPORT, [*ASKED, stranger]) == {EACH}


def test_problems_never_show_a_token() -> None:
    checks = close(REPORT, DEVICES, [], SCALE)
    said = "".join(problem for check in checks for problem in check.problems)
    assert not [device for device in DEVICES if device.token in said]


def test_a_request_that_belongs_to_no_send_is_found() -> None:
    assert strangers(ASKED, ["campaign"]).ok
    assert not strangers([*ASKED, replace(ASKED[0], send="")], ["campaign"]).ok


def test_the_registry_must_have_lost_the_dead_and_only_them() -> None:
    still = {(device.platform, device.token): not device.condition.retired for device in DEVICES}
    assert registry(still, DEVICES).ok
    for condition in ("dead", "registered again", "healthy", "malformed", "other app", "other project"):
        device = next(device for device in DEVICES if device.condition.name == condition)
        place = device.platform, device.token
        # a suspect waits in quarantine for a judgement that may fall within the rehearsal
        assert registry({**still, place: not still[place]}, DEVICES).ok == device.condition.suspect


@pytest.mark.parametrize(
    ("answers", "fate", "reason"),
    [
        (["200"], Fate.DELIVERED, ""),
        (["429 TooManyRequests", "200"], Fate.DELIVERED, ""),
        (["200", "410 Unregistered"], Fate.DELIVERED, ""),
        (["410 ExpiredToken"], Fate.UNREGISTERED, "ExpiredToken"),
        (["404 UNREGISTERED"], Fate.UNREGISTERED, "UNREGISTERED"),
        (["404 NOT_FOUND"], Fate.REJECTED, "NOT_FOUND"),
        (["400 BadDeviceToken"], Fate.REJECTED, "BadDeviceToken"),
        (["429 TooManyRequests"], "unfinished", "TooManyRequests"),
        (["503 UNAVAILABLE"], "unfinished", "UNAVAILABLE"),
        (["black_hole"], "unfinished", ""),
        ([], "unfinished", ""),
    ],
)
def test_a_notification_is_judged_by_what_the_provider_answered(answers: list[str], fate: str, reason: str) -> None:
    assert judged(answers) == (fate, reason)
