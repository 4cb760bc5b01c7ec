"""Access tokens: what is asked of Google, and what its answers mean."""

import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.verdict import Answer, Outcome
from shared.providers.contract import AuthorizationRefused, Form
from shared.providers.fcm.auth import _living
from shared.providers.fcm.settings import FcmEndpoints, FcmSettings
from shared.providers.registry import provider
from tests.unit.providers import credentials
from tests.unit.providers.table_e1 import OAUTH

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
FCM = provider("fcm")


class Google:
    """Answers every POST with one outcome and remembers the forms."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.forms: list[Form] = []

    async def __call__(self, form: Form) -> Outcome:
        self.forms.append(form)
        return self.outcome


def _granted(life: int = 3599) -> Answer:
    said = {"access_token": "ya29.x", "expires_in": life, "token_type": "Bearer"}
    return Answer(200, {}, json.dumps(said).encode())


async def test_the_assertion_is_signed_for_google_whatever_the_key_file_says(firebase: FcmSettings) -> None:
    google = Google(_granted())
    endpoints = FcmEndpoints(fcm_token_url="https://localhost:8443/token")
    made = await FCM.authorize(firebase, endpoints, NOW, google)
    assert made.value == "Bearer ya29.x"
    (form,) = google.forms
    assert form.url == "https://localhost:8443/token"
    assert form.fields["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assertion = form.fields["assertion"]
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    claims = jwt.decode(
        assertion,
        credentials.rsa_key().public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
        options={"verify_iat": False, "verify_exp": False},
    )
    assert claims == {
        "iss": "sender@bells-and-co.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
    }


@pytest.mark.parametrize("row", OAUTH, ids=[one[0] for one in OAUTH])
async def test_a_refusal_says_whether_only_an_operator_can_mend_it(
    row: tuple[str, Outcome, str, bool], firebase: FcmSettings
) -> None:
    _, outcome, *expected = row
    with pytest.raises(AuthorizationRefused) as refused:
        await FCM.authorize(firebase, FcmEndpoints(), NOW, Google(outcome))
    assert [refused.value.reason, refused.value.permanent] == expected


@given(st.integers(1, 86_400))
def test_a_token_is_renewed_in_good_time_before_its_end(life: int) -> None:
    made = _living("t", timedelta(seconds=life), NOW)
    assert NOW < made.refresh_at < made.expires_at == NOW + timedelta(seconds=life)
    assert made.refresh_at - NOW <= timedelta(seconds=life) * 0.75
    if life >= 600:
        assert made.expires_at - made.refresh_at >= timedelta(minutes=5)


@pytest.mark.parametrize("said", [{"access_token": "a\r\nb", "expires_in": 5}, {"access_token": "t", "expires_in": 0}])
async def test_a_token_that_cannot_be_a_header_or_has_no_life_is_not_used(said: object, firebase: FcmSettings) -> None:
    with pytest.raises(AuthorizationRefused):
        await FCM.authorize(firebase, FcmEndpoints(), NOW, Google(Answer(200, {}, json.dumps(said).encode())))
