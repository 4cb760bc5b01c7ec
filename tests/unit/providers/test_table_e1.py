"""Every row of table E.1 has a case, and every case is what its row says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.flow.verdict import Answer, NotProcessed
from shared.providers.apns import verdict as apns
from shared.providers.contract import Provider
from shared.providers.fcm import verdict as fcm
from shared.providers.fcm.evidence import read
from shared.providers.registry import platforms, provider
from shared.providers.transport_verdict import ROWS as TRANSPORT_ROWS
from shared.providers.transport_verdict import transport_row
from tests.unit.providers.table_e1 import APNS, FCM, TRANSPORT, Case

SENT_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROVIDERS: list[Provider[Any, Any]] = [provider(name) for name in platforms()]


def _apns_row(case: Case) -> str:
    if isinstance(case.outcome, NotProcessed):
        return f"403 {case.outcome.reason}"
    assert isinstance(case.outcome, Answer)
    reason = getattr(case.verdict, "reason", "")
    row = apns.row_for(case.outcome.status, reason)
    return f"{row.status} {row.reason}".strip()


@pytest.mark.parametrize("one", PROVIDERS, ids=lambda one: one.name)
@pytest.mark.parametrize("case", TRANSPORT, ids=str)
def test_what_no_provider_said_means_the_same_for_all(case: Case, one: Provider[Any, Any]) -> None:
    row = transport_row(case.outcome)
    assert row is not None
    assert row.situation == case.row
    assert one.verdict(case.outcome, SENT_AT) == case.verdict


@pytest.mark.parametrize("case", APNS, ids=str)
def test_an_apns_answer_means_what_its_row_says(case: Case) -> None:
    assert provider("apns").verdict(case.outcome, SENT_AT) == case.verdict
    assert _apns_row(case) == case.row


@pytest.mark.parametrize("case", FCM, ids=str)
def test_an_fcm_answer_means_what_its_row_says(case: Case) -> None:
    assert isinstance(case.outcome, Answer)
    assert provider("fcm").verdict(case.outcome, SENT_AT) == case.verdict
    assert fcm.row_for(read(case.outcome)).name == case.row


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    assert {row.situation for row in TRANSPORT_ROWS} == {case.row for case in TRANSPORT}
    assert {f"{row.status} {row.reason}".strip() for row in apns.ROWS} == {case.row for case in APNS}
    assert {row.name for row in fcm.ROWS} == {case.row for case in FCM}


def test_no_row_is_there_twice_and_every_row_names_its_source() -> None:
    keys = [(row.status, row.reason) for row in apns.ROWS]
    names = [row.name for row in fcm.ROWS] + [row.situation for row in TRANSPORT_ROWS]
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)
    assert all(row.source for row in (*apns.ROWS, *fcm.ROWS, *TRANSPORT_ROWS))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"\xff\xfe", b"{" * 5000, b"[" * 200_000, b'{"error":null}', b'{"error":[]}',
             b'{"error":{"details":{}}}', b'{"error":{"details":[1,null,{"@type":5}]}}', b'{"reason":7}'],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503, 504, 599])
def test_no_body_breaks_the_reading_of_an_answer_or_kills_a_token(status: int, body: bytes) -> None:
    for one in PROVIDERS:
        verdict = one.verdict(Answer(status, {}, body), SENT_AT)
        assert type(verdict).__name__ != "Unregistered"
        assert (type(verdict).__name__ == "Delivered") == (status == 200)
