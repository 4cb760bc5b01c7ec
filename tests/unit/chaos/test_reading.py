"""What the checker reads: the journal, the providers' logs, and how long a kill was felt."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.chaos.checker import ledger, promises, rates, recovery
from tests.chaos.checker.ledger import Answers, Ledger
from tests.chaos.checker.recovery import Kill

AT = datetime(2030, 1, 1, tzinfo=UTC)


def lines(file: Path, *entries: object, torn: str = "") -> Path:
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + torn, "utf-8")
    return file


def test_a_promise_is_what_was_answered_and_a_torn_line_is_nothing(tmp_path: Path) -> None:
    journal = lines(
        tmp_path / "promises.jsonl",
        {"event": "intended", "mark": "a", "audience": {"everyone": True}},
        {"event": "promised", "mark": "a", "id": "1"},
        {"event": "intended", "mark": "b", "audience": {"users": ["u"]}},
        {"event": "refused", "mark": "b", "status": 503},
        {"event": "intended", "mark": "c", "audience": {"users": ["u"]}},
        {"event": "unknown", "mark": "c"},
        torn='{"event": "promised", "mark": "c", "id": "2"',
    )
    found = promises.read(journal)
    assert [(one.id, one.refused) for one in found.values()] == [("1", False), ("", True), ("", False)]
    assert found["b"].audience == {"users": ["u"]}


def test_the_ledger_knows_an_acceptance_from_everything_else(tmp_path: Path) -> None:
    body = json.dumps({"aps": {}, ledger.MARK: "m-1"})
    google = json.dumps({"message": {"data": {ledger.MARK: "m-1"}, "token": "f"}})
    one = {"token": "t", "body": body, "time": AT.isoformat()}
    lines(
        tmp_path / "apns.requests.jsonl",
        {**one, "status": 200, "reason": ""},
        {**one, "status": 410, "reason": "Unregistered"},
        {**one, "status": 400, "reason": "BadDeviceToken"},
        {**one, "status": None, "drop": "black_hole"},
        {**one, "status": 410, "reason": "Unregistered", "drop": "close"},
        {**one, "status": 503, "reason": "ServiceUnavailable"},
        {"path": "/token", "status": 200, "body": "grant"},
        {**one, "body": "{}", "status": 200, "reason": ""},
    )
    lines(tmp_path / "fcm.requests.jsonl", {"token": "f", "body": google, "time": AT.isoformat(), "status": 200})
    found = ledger.read(tmp_path)
    assert found.sends == {
        "m-1": {("apns", "t"): Answers([AT], gone=1, rejected=1, other=3), ("fcm", "f"): Answers([AT])}
    }
    assert found.accepted == {"apns": [AT], "fcm": [AT]}


def test_a_kill_is_felt_until_what_was_in_flight_goes_out_again() -> None:
    def seconds(number: float) -> datetime:
        return AT + timedelta(seconds=number)

    kills = [Kill("delivery-apns", seconds(10), 5, ("apns",)), Kill("planner", seconds(20), 5, ("apns", "fcm"))]
    repeats = {("apns", "a"): Answers([seconds(9), seconds(14)]), ("apns", "b"): Answers([seconds(9), seconds(16)])}
    accepted = {"apns": [seconds(n) for n in (9, 9, 14, 16)], "fcm": [seconds(21.5)]}
    assert recovery.felt(kills, Ledger({"m": repeats}, accepted)) == [4, 1.5]
    assert recovery.felt(kills, Ledger({}, {"apns": [seconds(9)]})) == [0, 0]


def test_windows_lie_inside_the_flow_and_count_what_falls_into_them() -> None:
    moments = [AT + timedelta(milliseconds=100 * n) for n in range(101)]  # ten a second for ten seconds
    counts = rates.windows(moments, timedelta(seconds=5), timedelta(seconds=2))
    assert counts == [50, 50]
    assert rates.windows(moments[:50] + moments[60:], timedelta(seconds=5), timedelta(seconds=2)) == [40, 40]
    assert rates.windows(moments, timedelta(seconds=9), timedelta(seconds=1)) == []
