"""Books that close, and every way in which they must not."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.checker import books
from tests.chaos.checker.ledger import Answers
from tests.chaos.checker.population import Device, Place, Population
from tests.chaos.checker.promises import Promise

Json = dict[str, Any]
AT = datetime(2030, 1, 1, tzinfo=UTC)
EVERYONE = {"everyone": True}


def devices(count: int, *, stable: bool = True) -> list[Device]:
    prefix = "t" if stable else "x"
    return [Device("apns", "v1", f"{prefix}{number}", f"u{number}", stable) for number in range(count)]


def accepted(those: list[Device], times: int = 1) -> dict[Place, Answers]:
    return {one.place: Answers(accepted=[AT + timedelta(seconds=n) for n in range(times)]) for one in those}


def report(state: str = "finished", reasons: Json | None = None, **counts: int) -> Json:
    one = {"variant": "v1", "planned": sum(counts.values()), "reasons": {"failed": reasons or {}}, **counts}
    return {"state": state, "variants": [one]}


def closed(those: list[Device], asked: dict[Place, Answers], told: Json) -> books.Balance:
    return books.close([Promise("m", EVERYONE, "id")], Population(those), {"m": asked}, {"id": told})


def summary(balance: books.Balance) -> tuple[int, int, int]:
    return balance.lost, balance.duplicated, balance.miscounted


def test_books_that_agree_close() -> None:
    those = devices(3)
    balance = closed(those, accepted(those), report(delivered=3))
    assert summary(balance) == (0, 0, 0)
    assert (balance.promised, balance.delivered, balance.remarks) == (3, 3, [])


def test_a_device_that_nobody_asked_for_and_no_fate_explains_is_lost() -> None:
    those = devices(3)
    balance = closed(those, accepted(those[:2]), report(delivered=3))
    assert (balance.lost, balance.miscounted) == (1, 1)


def test_a_device_that_was_never_planned_is_lost_also_if_the_report_adds_up() -> None:
    those = devices(3)
    assert summary(closed(those, accepted(those[:2]), report(delivered=2))) == (1, 0, 0)


@pytest.mark.parametrize("told", [{}, report(state="running", delivered=2)])
def test_a_send_that_never_finishes_has_lost_what_no_provider_decided(told: Json) -> None:
    those = devices(5)
    assert summary(closed(those, accepted(those[:2]), told)) == (3, 0, 0)


@pytest.mark.parametrize("fate", books.UNASKED)
def test_what_the_report_says_was_never_asked_is_not_lost(fate: str) -> None:
    those = devices(3)
    assert summary(closed(those, accepted(those[:2]), report("finished", None, delivered=2, **{fate: 1}))) == (0, 0, 0)


def test_every_acceptance_beyond_the_first_is_a_duplicate() -> None:
    those = devices(3)
    asked = accepted(those[:1], 3) | accepted(those[1:])
    assert summary(closed(those, asked, report(delivered=3))) == (0, 2, 0)


def test_what_was_accepted_and_reported_as_expired_is_miscounted() -> None:
    those = devices(2)
    assert summary(closed(those, accepted(those), report(delivered=1, expired=1))) == (0, 0, 1)


@pytest.mark.parametrize("reason", books.IN_DOUBT)
def test_what_failed_with_an_unknown_outcome_may_have_been_accepted(reason: str) -> None:
    those = devices(2)
    told = report(delivered=1, failed=1, reasons={reason: 1})
    assert summary(closed(those, accepted(those), told)) == (0, 0, 0)
    gone = accepted(those[:1]) | {those[1].place: Answers(gone=1)}
    assert summary(closed(those, gone, told)) == (0, 0, 0)
    told = report(delivered=1, failed=1, reasons={"attempts": 1})
    assert summary(closed(those, accepted(those), told)) == (0, 0, 1)


def test_refusals_are_counted_by_their_kind() -> None:
    those = devices(2)
    asked = {those[0].place: Answers(gone=1), those[1].place: Answers(rejected=1)}
    assert summary(closed(those, asked, report(unregistered=1, rejected=1))) == (0, 0, 0)
    assert summary(closed(those, asked, report(unregistered=2))) == (0, 0, 2)


def test_a_device_that_changed_may_be_planned_or_not_but_not_decided_unplanned() -> None:
    stable, changed = devices(2), devices(1, stable=False)
    both = [*stable, *changed]
    assert summary(closed(both, accepted(stable), report(delivered=2))) == (0, 0, 0)
    assert summary(closed(both, accepted(both), report(delivered=3))) == (0, 0, 0)
    assert closed(both, accepted(both), report(delivered=2)).miscounted == 2


def test_open_notifications_in_a_final_report_and_sums_that_differ_are_miscounted() -> None:
    those = devices(1)
    told = report(delivered=1)
    told["variants"][0] |= {"planned": 1, "open": 1}
    assert closed(those, accepted(those), told).miscounted == 1
    told["variants"][0] |= {"planned": 2, "open": 0}
    assert closed(those, accepted(those), told).miscounted == 2


def test_strangers_and_notifications_that_nobody_asked_for_are_miscounted() -> None:
    those, others = devices(1), devices(1, stable=False)
    assert closed(those, accepted([*those, *others]), report(delivered=1)).miscounted == 1
    total = books.close([], Population(those), {"ghost": accepted(those)}, {})
    assert summary(total) == (0, 0, 1)


def test_what_was_refused_must_not_be_sent_and_what_was_not_answered_may() -> None:
    those = devices(2)
    asked = {"m": accepted(those)}
    assert books.close([Promise("m", EVERYONE, refused=True)], Population(those), asked, {}).miscounted == 2
    assert summary(books.close([Promise("m", EVERYONE)], Population(those), asked, {})) == (0, 0, 0)


def test_a_single_send_is_for_the_devices_of_its_user_only() -> None:
    those = devices(3)
    promise = Promise("m", {"users": ["u1"]}, "id")
    told = {"id": report(delivered=1)}
    assert summary(books.close([promise], Population(those), {"m": accepted(those[1:2])}, told)) == (0, 0, 0)
    assert summary(books.close([promise], Population(those), {"m": accepted(those[:1])}, told)) == (1, 0, 2)


@given(st.lists(st.sampled_from(["once", "twice", "never", "gone", "expired"]), min_size=1, max_size=30))
def test_whatever_happens_to_devices_is_found_exactly(fates: list[str]) -> None:
    those = devices(len(fates))
    asked: dict[Place, Answers] = {}
    for device, fate in zip(those, fates, strict=True):
        if fate in {"once", "twice"}:
            asked |= accepted([device], 1 + (fate == "twice"))
        elif fate == "gone":
            asked[device.place] = Answers(gone=1)
    arrived = fates.count("once") + fates.count("twice")
    told = report(delivered=arrived, unregistered=fates.count("gone"), expired=fates.count("expired"))
    assert summary(closed(those, asked, told)) == (fates.count("never"), fates.count("twice"), 0)


def test_the_checker_imports_nothing_of_the_product() -> None:
    folder = Path(books.__file__).parent
    seen = [name for file in sorted(folder.glob("*.py")) for name in imported(file)]
    assert "httpx" in seen
    assert [name for name in seen if name.split(".")[0] in {"services", "shared"}] == []
    assert all(name.startswith("tests.chaos.checker") for name in seen if name.startswith("tests"))


def imported(file: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found
