"""What an answer proves about credentials: every row of the tables that names them, and no other."""

from datetime import UTC, datetime

import pytest

from services.delivery.signs import Sign, sign_of
from shared.flow.verdict import Answer, ConnectionTrouble, NotProcessed, Outcome, OutcomeUnknown
from shared.providers.registry import provider

AT = datetime(2030, 1, 1, tzinfo=UTC)


def apns(status: int, reason: str) -> Answer:
    return Answer(status, {}, f'{{"reason":"{reason}"}}'.encode())


def fcm(status: int, code: str, said: str = "FAILED") -> Answer:
    detail = f'{{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"{code}"}}'
    details = f"[{detail}]" if code else "[]"
    return Answer(status, {}, f'{{"error":{{"code":{status},"status":"{said}","details":{details}}}}}'.encode())


@pytest.mark.parametrize(
    ("platform", "outcome", "sign"),
    [
        ("apns", apns(403, "InvalidProviderToken"), Sign.REFUSED),
        ("apns", apns(403, "ExpiredProviderToken"), Sign.REFUSED),
        ("apns", apns(403, "BadCertificate"), Sign.REFUSED),
        ("apns", apns(403, "BadCertificateEnvironment"), Sign.REFUSED),
        ("apns", apns(400, "TopicDisallowed"), Sign.REFUSED),
        ("apns", apns(400, "BadTopic"), Sign.REFUSED),
        ("apns", apns(403, "SomethingNew"), Sign.REFUSED),
        ("apns", NotProcessed("BadCertificateEnvironment"), Sign.REFUSED),
        ("apns", NotProcessed("alert", ConnectionTrouble.CERTIFICATE_REFUSED), Sign.REFUSED),
        ("apns", NotProcessed("alert", ConnectionTrouble.PEER_NOT_TRUSTED), Sign.DOWN),
        ("apns", NotProcessed("407", ConnectionTrouble.PROXY_REFUSED), Sign.DOWN),
        ("apns", NotProcessed("refused", ConnectionTrouble.UNREACHABLE), Sign.DOWN),
        ("apns", NotProcessed("goaway"), Sign.NONE),
        ("apns", OutcomeUnknown("timeout"), Sign.DOWN),
        ("apns", Answer(302, {}, b"<html>"), Sign.DOWN),
        ("apns", apns(410, "Unregistered"), Sign.FINE),
        ("apns", apns(400, "BadDeviceToken"), Sign.FINE),
        ("apns", apns(400, "BadCollapseId"), Sign.FINE),
        ("apns", apns(429, "TooManyRequests"), Sign.FINE),
        ("apns", apns(429, "TooManyProviderTokenUpdates"), Sign.NONE),
        ("apns", apns(503, "ServiceUnavailable"), Sign.DOWN),
        ("apns", apns(500, "InternalServerError"), Sign.DOWN),
        ("fcm", fcm(401, ""), Sign.REFUSED),
        ("fcm", fcm(401, "THIRD_PARTY_AUTH_ERROR"), Sign.FINE),
        ("fcm", fcm(403, "", "PERMISSION_DENIED"), Sign.REFUSED),
        ("fcm", fcm(403, "SENDER_ID_MISMATCH"), Sign.FINE),
        ("fcm", fcm(404, "UNREGISTERED"), Sign.FINE),
        ("fcm", fcm(404, "", "NOT_FOUND"), Sign.REFUSED),
        ("fcm", Answer(404, {}, b"<html>a front end</html>"), Sign.DOWN),
        ("fcm", fcm(429, "QUOTA_EXCEEDED"), Sign.THROTTLED),
        ("fcm", fcm(503, "UNAVAILABLE"), Sign.DOWN),
    ],
)
def test_only_what_is_about_the_variants_own_credentials_speaks_against_them(
    platform: str, outcome: Outcome, sign: Sign
) -> None:
    verdict = provider(platform).verdict(outcome, AT)
    assert sign_of(verdict, outcome) is sign


@pytest.mark.parametrize("reason", ["TopicDisallowed", "BadTopic", "MissingTopic"])
def test_a_topic_that_is_not_the_variants_own_says_nothing_about_the_variant(reason: str) -> None:
    outcome = apns(400, reason)
    verdict = provider("apns").verdict(outcome, AT)
    assert sign_of(verdict, outcome, aside=True) is Sign.NONE
    refused = apns(403, "InvalidProviderToken")
    assert sign_of(provider("apns").verdict(refused, AT), refused, aside=True) is Sign.REFUSED
