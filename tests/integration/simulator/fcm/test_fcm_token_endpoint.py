"""F1: an assertion becomes an access token, or an error in OAuth's own words."""

import time

import jwt
import pytest

from services.simulator.fcm.project import MESSAGING
from services.simulator.fcm.service_account import make_service_account
from tests.integration.simulator.fcm.running import PROJECT, Firebase, account_of, error

pytestmark = pytest.mark.anyio

SHORT_LIVED = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."


async def test_f1_a_signed_assertion_is_worth_an_access_token_that_sends(firebase: Firebase) -> None:
    answer = await firebase.ask_token(firebase.assertion())
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("expires_in", "token_type")} == {
        "expires_in": 3599,
        "token_type": "Bearer",
    }
    firebase.bearer = answer.json()["access_token"]
    assert (await firebase.send({"token": firebase.device("a")})).status_code == 200


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}, ("invalid_grant", SHORT_LIVED)),
        ({"iat": int(time.time()) + 7200, "exp": int(time.time()) + 9000}, ("invalid_grant", SHORT_LIVED)),
        ({"exp": int(time.time()) + 3700, "iat": int(time.time())}, ("invalid_grant", SHORT_LIVED)),
        ({"iss": "nobody@demo.iam.gserviceaccount.com"}, ("invalid_grant", "Invalid grant: account not found")),
        ({"aud": "https://example.com/token"}, ("invalid_grant", "Invalid JWT: Failed audience check.")),
        ({"scope": ""}, ("invalid_scope", "Empty or missing scope not allowed.")),
        ({"scope": "messaging"}, ("invalid_scope", "Invalid OAuth scope or ID token audience provided.")),
    ],
)
async def test_f1_a_claim_that_does_not_hold_is_refused_in_google_words(
    firebase: Firebase, claims: dict[str, object], expected: tuple[str, str]
) -> None:
    answer = await firebase.ask_token(firebase.assertion(**claims))
    assert answer.status_code == 400
    assert answer.json()["error"] == expected[0]
    assert answer.json()["error_description"].startswith(expected[1])


async def test_f1_a_key_that_is_not_the_accounts_signs_in_vain(firebase: Firebase) -> None:
    stranger, _ = make_service_account(PROJECT)
    file, _ = account_of(PROJECT)
    now = int(time.time())
    claims = {"iss": file["client_email"], "aud": "https://oauth2.googleapis.com/token", "scope": MESSAGING}
    claims |= {"iat": now, "exp": now + 3600}
    for kid in (file["private_key_id"], stranger["private_key_id"]):
        answer = await firebase.ask_token(jwt.encode(claims, stranger["private_key"], "RS256", {"kid": kid}))
        assert answer.json() == {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}


async def test_f1_a_symmetric_signature_is_not_taken_for_the_accounts(firebase: Firebase) -> None:
    now = int(time.time())
    claims = {"iss": account_of(PROJECT)[0]["client_email"], "iat": now, "exp": now + 60, "scope": MESSAGING}
    answer = await firebase.ask_token(jwt.encode(claims, "s" * 32, "HS256"))
    assert answer.json()["error_description"] == "Invalid JWT Signature."


async def test_f1_a_request_that_is_no_grant_is_told_what_it_lacks(firebase: Firebase) -> None:
    answer = await firebase.client.post("/token", data={"grant_type": "password", "assertion": "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    answer = await firebase.client.post("/token", data={})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await firebase.ask_token("no.jwt")).json()["error"] == "invalid_grant"


async def test_f1_a_short_life_ends_by_the_simulated_clock(firebase: Firebase) -> None:
    firebase.knobs(access_token_seconds=60)
    answer = await firebase.ask_token(firebase.assertion())
    assert answer.json()["expires_in"] == 60
    firebase.bearer = answer.json()["access_token"]
    device = firebase.device("a")
    assert (await firebase.send({"token": device})).status_code == 200
    firebase.advance(seconds=61)
    assert error(await firebase.send({"token": device})) == (401, "UNAUTHENTICATED", "")


async def test_f1_faults_of_the_token_endpoint_leave_sending_alone(firebase: Firebase) -> None:
    firebase.knobs(token_faults=[{"share": 1.0, "status": 503, "retry_after": "5"}])
    answer = await firebase.ask_token(firebase.assertion())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await firebase.send({"token": firebase.device("a")})).status_code == 200


async def test_f1_the_log_tells_the_claims_and_keeps_no_assertion(firebase: Firebase) -> None:
    assertion = firebase.assertion()
    await firebase.ask_token(assertion)
    line = firebase.logged(path="/token")[-1]
    assert line["auth"]["iss"] == account_of(PROJECT)[0]["client_email"]
    assert assertion not in str(line)
