"""Which reasons a metric names: the providers' words and ours; whatever else somebody says is one label."""

import json
from datetime import UTC, datetime

import pytest

from shared.flow.verdict import Answer
from shared.providers.apns.verdict import ROWS
from shared.providers.known_reasons import OTHER, known_to, label
from shared.providers.registry import platforms, provider


@pytest.mark.parametrize("platform", platforms())
def test_there_are_few_and_each_is_its_own_label(platform: str) -> None:
    known = known_to(platform)
    assert len(known) < 100
    assert all(label(platform, reason) == reason for reason in known)


@pytest.mark.parametrize("platform", platforms())
def test_a_word_that_nobody_knows_is_other(platform: str) -> None:
    assert label(platform, "BrandNewReason") == OTHER
    assert label(platform, "x" * 64) == OTHER


def test_details_do_not_make_labels() -> None:
    assert label("apns", "goaway_enhance_your_calm") == "goaway"
    assert label("fcm", "intercepted:511") == "intercepted"
    assert label("fcm", "THIRD_PARTY_AUTH_ERROR:InvalidProviderToken") == "THIRD_PARTY_AUTH_ERROR"
    assert label("fcm", "QUOTA_EXCEEDED:device") == "QUOTA_EXCEEDED:device"


def test_every_reason_of_apples_table_is_known() -> None:
    for row in ROWS:
        said = Answer(row.status, {}, json.dumps({"reason": row.reason}).encode() if row.reason else b"x")
        found = provider("apns").verdict(said, datetime.now(UTC))
        reason = getattr(found, "reason", "")
        assert label("apns", reason) == reason or not row.reason


@pytest.mark.parametrize("code", ["UNREGISTERED", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "INTERNAL", "UNAVAILABLE"])
def test_firebases_codes_are_known(code: str) -> None:
    error = {"details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]}
    found = provider("fcm").verdict(Answer(400, {}, json.dumps({"error": error}).encode()), datetime.now(UTC))
    assert label("fcm", getattr(found, "reason", "")) == code
