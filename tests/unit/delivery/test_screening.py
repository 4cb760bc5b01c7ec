"""Whom a send leaves out, and under which reason he is counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.delivery.screening import Screen, screen_of, screened_by, screens, sorted_out
from shared.flow.accept import Terms, accept
from shared.flow.device import Device
from shared.flow.rules import Rules
from shared.flow.send import Send, SendRequest
from tests.unit.ingest.requests import VARIANTS

NOW = datetime(2030, 6, 1, tzinfo=UTC)


def device(number: int = 1, user: str | None = None, **facts: Any) -> Device:
    return Device(bytes([number]) * 12, f"t{number}", user, facts or None)


def sent(rules: Rules | None = None, audience: dict[str, Any] | None = None, **more: Any) -> Send:
    body = {"audience": audience or {"everyone": True}, "message": {"title": "Ding"}, **more}
    terms = Terms(rules=rules or Rules())
    request = SendRequest.model_validate(body)
    return accept(request, "a1", "a1.send0001", VARIANTS, NOW, check=lambda *_: (), terms=terms)


@pytest.mark.parametrize(
    ("screen", "found", "why"),
    [
        (Screen(users=frozenset({"ada"})), device(user="ada"), "excluded"),
        (Screen(users=frozenset({"ada"})), device(user="bob"), None),
        (Screen(users=frozenset({"ada"})), device(), None),
        (Screen(devices=frozenset({bytes([1]) * 12})), device(1), "excluded"),
        (Screen(devices=frozenset({bytes([1]) * 12})), device(2), None),
        (Screen(stale_before=NOW), device(registered_at=NOW - timedelta(seconds=1)), "stale"),
        (Screen(stale_before=NOW), device(registered_at=NOW), None),
        (Screen(stale_before=NOW), device(), None),
        (Screen(category="ads"), device(), None),
        (Screen(category="ads"), device(categories={"ads": True}), None),
        (Screen(category="ads"), device(categories={"ads": False}), "opted_out"),
        (Screen(category="ads"), device(categories={"news": False}), None),
        (Screen(category="ads", opt_in=True), device(categories={"ads": True}), None),
        (Screen(category="ads", opt_in=True), device(categories={"ads": False}), "opted_out"),
        (Screen(category="ads", opt_in=True), device(categories={"news": True}), "not_opted_in"),
        (Screen(category="ads", opt_in=True), device(), "not_opted_in"),
    ],
)
def test_a_device_is_left_out_for_a_reason(screen: Screen, found: Device, why: str | None) -> None:
    assert screen.reason(found) == why
    kept, left_out = sorted_out([found], screen)
    assert (kept, left_out) == (([], [(found.id, why)]) if why else ([found], []))


def test_a_send_that_leaves_nobody_out_reads_nothing_more() -> None:
    assert not screens(sent())
    assert screened_by(sent()) == frozenset()
    assert not screens(sent(Rules(opt_in=("ads",))))
    assert not screens(sent(audience={"topic": "news"}, category="ads"))


def test_what_is_read_is_what_decides() -> None:
    assert screened_by(sent(category="ads")) == {"categories.ads"}
    assert screened_by(sent(stale_after_days=30)) == {"registered_at"}
    assert screened_by(sent(audience={"everyone": True, "exclude": {"users": ["ada"]}})) == {"user"}
    excluded = sent(audience={"everyone": True, "exclude": {"devices": ["0" * 24]}})
    assert (screens(excluded), screened_by(excluded)) == (True, frozenset())


def test_a_sends_own_days_win_over_the_apps_rule() -> None:
    rules = Rules(stale_after_days=30, opt_in=("ads",))
    assert sent(rules).stale_before == NOW - timedelta(days=30)
    assert sent(rules, stale_after_days=90).stale_before == NOW - timedelta(days=90)
    assert (sent(rules, category="ads").opt_in, sent(rules, category="news").opt_in) == (True, False)
    assert screen_of(sent(rules, category="ads"), ["ada"], ["0" * 24]).opt_in


def test_a_send_that_reaches_more_than_the_rule_says_must_be_confirmed() -> None:
    def problems(reach: int, **more: Any) -> list[str]:
        request = SendRequest.model_validate({"audience": {"everyone": True}, "message": {"title": "D"}, **more})
        terms = Terms(rules=Rules(confirm_above=100), reach=reach)
        send = accept(request, "a1", "a1.send0001", VARIANTS, NOW, check=lambda *_: (), terms=terms)
        return [one.pointer for one in send.problems]

    assert problems(100) == []
    assert problems(101) == ["/confirm"]
    assert problems(101, confirm=True) == []
