"""The simulators' logs are read as they are written, and every request finds the send it belongs to."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.cli.rehearsal.ledger import Asked, read
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger


def logged(folder: Path, provider: str, **entry: Any) -> None:
    ledger = Ledger(provider, Clock(), folder)
    ledger.record({"stream": 1, "headers": [], "reason": "", "drop": None, **entry})
    ledger.close()


def only(folder: Path, provider: str) -> Asked:
    (found,) = read(folder, [provider])
    return found


def test_an_apns_request_is_marked_beside_the_aps_dictionary(tmp_path: Path) -> None:
    body = json.dumps({"aps": {"alert": {"title": "x"}}, "rehearsal": "campaign"})
    logged(tmp_path, "apns", token="ab", status=200, body=body)
    found = only(tmp_path, "apns")
    assert (found.send, found.platform, found.token, found.answer) == ("campaign", "apns", "ab", "200")
    assert found.accepted
    assert abs(found.at - datetime.now(UTC)).total_seconds() < 60


def test_an_fcm_request_is_marked_in_its_data(tmp_path: Path) -> None:
    body = json.dumps({"message": {"token": "t", "data": {"rehearsal": "personal"}}})
    logged(tmp_path, "fcm", token="t", status=404, reason="UNREGISTERED", body=body)
    found = only(tmp_path, "fcm")
    assert (found.send, found.answer, found.accepted) == ("personal", "404 UNREGISTERED", False)


def test_a_request_without_a_mark_or_with_an_unreadable_body_belongs_to_no_send(tmp_path: Path) -> None:
    for body in ("{}", "no json", "[1]", '{"rehearsal": 3}'):
        logged(tmp_path, "apns", token="ab", status=200, body=body)
    assert [one.send for one in read(tmp_path, ["apns"])] == ["", "", "", ""]


def test_a_request_whose_answer_was_withheld_is_told_by_how_it_was_dropped(tmp_path: Path) -> None:
    logged(tmp_path, "apns", token="ab", status=None, drop="black_hole", body="{}")
    assert only(tmp_path, "apns").answer == "black_hole"


def test_what_is_no_notification_is_passed_over(tmp_path: Path) -> None:
    logged(tmp_path, "fcm", path="/token", status=200, body="")
    assert read(tmp_path, ["fcm"]) == ()
