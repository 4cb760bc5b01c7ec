"""Conditions, fan-outs, assertions, error bodies, and what a script leaves open."""

import base64
import json
from collections import deque
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.fcm.assertion import AUDIENCE, GRANT_TYPE, Grant, OAuthRefusal, Rules, claims_of, judge
from services.simulator.fcm.condition import BadCondition, read_condition
from services.simulator.fcm.fanout import FanOut, FanOuts
from services.simulator.fcm.installation import Installation, Registry, well_formed
from services.simulator.fcm.knobs import FcmStep
from services.simulator.fcm.message import message_of
from services.simulator.fcm.project import MESSAGING
from services.simulator.fcm.refusal import Refusal, bad_request, html, quota, refusal
from services.simulator.fcm.semantics import payload_bytes
from services.simulator.fcm.send import refusal_of
from services.simulator.fcm.service_account import make_service_account

ROWS = [f"f{number}" for number in range(1, 23)]
TESTS = Path(__file__).parents[2] / "integration" / "simulator" / "fcm"


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_table_is_asked_over_the_wire(row: str) -> None:
    assert any(f"def test_{row}_" in file.read_text() for file in TESTS.glob("test_fcm_*.py"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("'a' in topics", lambda a, _b, _c: a),
        ("'a' in topics && 'b' in topics", lambda a, b, _c: a and b),
        ("'a' in topics && ('b' in topics || !('c' in topics))", lambda a, b, c: a and (b or not c)),
        ("!('a' in topics)||'b'  in  topics", lambda a, b, _c: not a or b),
        ("'a' in topics || 'b' in topics && 'c' in topics", lambda a, b, c: (a or b) and c),
    ],
)
def test_a_condition_means_what_it_says(text: str, meant: object) -> None:
    condition = read_condition(text)
    for values in product((False, True), repeat=3):
        topics = frozenset(name for name, value in zip("abc", values, strict=True) if value)
        assert condition.matches(topics) == meant(*values)  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["", "a in topics", "'a'", "'a' in topics 'b' in topics", "('a' in topics", "'a b' in topics", "&&", "!"]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(BadCondition):
        read_condition(text)


@given(st.text(alphabet="'ab()!&| intopcs", max_size=40))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(BadCondition):
        assert read_condition(text).topics


@given(st.lists(st.integers(min_value=0, max_value=20), max_size=10), st.lists(st.floats(0, 5), max_size=60))
def test_a_fan_out_reaches_each_subscriber_once_and_never_faster_than_its_rate(
    sizes: list[int], gaps: list[float]
) -> None:
    fan_outs, now, reached = FanOuts(per_second=2.0), 0.0, 0
    nobody = Installation(token="t", project="p")
    for size in sizes:
        fan_outs.start(FanOut("p", "m", message_of({}), deque([nobody] * size)), now)
    for gap in gaps:
        now += gap
        reached += len(fan_outs.due(now))
        assert reached <= now * 2 + 1e-6
    reached += len(fan_outs.due(now + sum(sizes)))
    assert reached == sum(sizes)
    assert not fan_outs.running


def test_an_assertion_is_judged_by_its_form_before_its_claims() -> None:
    rules = Rules(now=0.0)
    for form in ({}, {"grant_type": "x", "assertion": "y"}, {"grant_type": "x"}):
        assert isinstance(judge(form, {}, rules), OAuthRefusal)
    assert claims_of("not.a.jwt") == claims_of("x") == {}


@pytest.mark.parametrize(("algorithm", "holds"), [("RS256", True), ("PS256", False), ("none", False)])
def test_f1_only_rs256_counts_whatever_the_signature_is(algorithm: str, holds: bool) -> None:  # noqa: FBT001
    file, account = make_service_account("p")
    header = {"alg": algorithm, "kid": file["private_key_id"]}
    claims = {"iss": file["client_email"], "aud": AUDIENCE, "scope": MESSAGING, "iat": 0, "exp": 3600}
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    key = load_pem_private_key(file["private_key"].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    signature = base64.urlsafe_b64encode(key.sign(signed, PKCS1v15(), SHA256())).rstrip(b"=")
    form = {"grant_type": GRANT_TYPE, "assertion": b".".join((signed, signature)).decode()}
    judged = judge(form, {account.client_email: account}, Rules(now=10.0))
    assert isinstance(judged, Grant) is holds


@given(st.text())
def test_any_assertion_is_refused_without_an_account(assertion: str) -> None:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    assert not isinstance(judge(form, {}, Rules(now=0.0)), Grant)


def test_errors_have_googles_shape() -> None:
    body = json.loads(bad_request([("message.x", "one"), ("message.y", "two")]).body())["error"]
    assert (body["code"], body["status"], body["message"]) == (400, "INVALID_ARGUMENT", "one\ntwo")
    assert [each["field"] for each in body["details"][0]["fieldViolations"]] == ["message.x", "message.y"]
    assert quota("full", "project:p").code == "QUOTA_EXCEEDED"
    assert html(502).code == "HTML"
    assert dict(refusal("NOT_FOUND").after(36.2).headers())["retry-after"] == "37"
    assert "retry-after" not in dict(refusal("NOT_FOUND").after(None).headers())


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"status": 404, "reason": "UNREGISTERED"}, (404, "NOT_FOUND", "UNREGISTERED")),
        ({"status": 400, "reason": "UNREGISTERED"}, (400, "INVALID_ARGUMENT", "UNREGISTERED")),
        ({"status": 503}, (503, "UNAVAILABLE", "UNAVAILABLE")),
        ({"status": 418, "reason": "UNSPECIFIED_ERROR"}, (418, "UNKNOWN", "UNSPECIFIED_ERROR")),
        ({"status": 502, "html": True}, (502, "HTML_502", "HTML")),
    ],
)
def test_what_a_script_leaves_open_follows_from_the_table(
    step: dict[str, object], expected: tuple[int, str, str]
) -> None:
    wanted = FcmStep.model_validate(step)
    assert wanted.status is not None
    made = refusal_of(wanted, wanted.status)
    assert isinstance(made, Refusal)
    assert (made.status, made.state, made.code) == expected


def test_a_scripted_success_is_no_refusal() -> None:
    assert refusal_of(FcmStep(status=200), 200) is None


def test_the_payload_counts_bytes_of_what_a_platform_makes_of_it() -> None:
    fields = {"data": {"k": "é"}, "notification": {"title": "ab"}, "android": {"data": {"key": "v"}}}
    message = message_of({"message": fields})
    assert (payload_bytes(message, "android"), payload_bytes(message, "web")) == (6, 5)


def test_the_registry_replaces_what_has_the_same_name_and_forgets_its_topics() -> None:
    registry = Registry()
    registry.put(Installation(token="t", fid="f", project="p", topics=frozenset({"a"})), 1.0)
    kept = registry.put(Installation(token="t2", fid="f", project="p"), 2.0)
    assert (registry.find("t"), registry.find("f"), kept.last_seen) == (None, kept, 2.0)
    assert registry.subscribers["p", "a"] == {}
    assert list(registry.all()) == [kept]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("token", "fGhIjKlM:APA91bxxxxxxxxxxxxxxxx", True),
        ("token", "", False),
        ("token", "a b:APA91bxxxxxxxxxxxxxxxxxxxxx", False),
        ("fid", "cAbCdEfGhIjKlMnOpQrStU", True),
        ("fid", "zAbCdEfGhIjKlMnOpQrStU", False),
    ],
)
def test_the_form_tells_a_lost_token_from_nonsense(kind: str, name: str, expected: bool) -> None:  # noqa: FBT001
    assert well_formed(kind, name) is expected
