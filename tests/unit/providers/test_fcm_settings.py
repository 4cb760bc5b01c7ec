"""A Firebase variant: only a service account, and nobody's URLs."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.providers.fcm.settings import FcmEndpoints, FcmSettings
from shared.providers.registry import problems_of, provider
from tests.unit.providers import credentials as c

FCM = provider("fcm")


def _refused(account: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        FcmSettings.model_validate({"service_account": account})
    assert "hush" not in str(caught.value)
    return [one.pointer for one in problems_of(caught.value)]


@pytest.mark.parametrize("account", [c.service_account(), c.service_account_text()], ids=["object", "text"])
def test_a_key_file_is_taken_as_object_and_as_text(account: Any) -> None:
    settings = FcmSettings.model_validate({"service_account": account})
    assert settings.project_id == "bells-and-co"
    kept = settings.model_dump_json()
    assert "evil.example" not in kept
    assert FcmSettings.model_validate_json(kept) == settings


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": "authorized_user"}, "/service_account/type"),
        ({"type": "external_account"}, "/service_account/type"),
        ({"private_key": "hush"}, "/service_account/private_key"),
        ({"private_key": c.p8()}, "/service_account/private_key"),
        ({"project_id": "../../v1"}, "/service_account/project_id"),
        ({"project_id": ""}, "/service_account/project_id"),
        ({"client_email": "hush"}, "/service_account/client_email"),
    ],
)
def test_what_is_no_service_account_is_refused_by_name(changes: dict[str, Any], pointer: str) -> None:
    assert _refused(c.service_account(**changes)) == [pointer]


@pytest.mark.parametrize("account", ["hush", "", "[1]", 5, None])
def test_what_is_no_key_file_at_all_is_refused(account: Any) -> None:
    assert _refused(account) == ["/service_account"]


def test_no_secret_is_in_a_representation(firebase: FcmSettings) -> None:
    assert "PRIVATE" not in repr(firebase) + repr(firebase.service_account)
    assert set(FcmSettings.model_fields) >= FcmSettings.SECRETS


def test_requests_go_to_the_operators_address_and_no_connection_is_held_back(firebase: FcmSettings) -> None:
    origin = FCM.origin(firebase, FcmEndpoints())
    assert (origin.host, origin.port, origin.warm_up) == ("fcm.googleapis.com", 443, False)
    moved = FCM.origin(firebase, FcmEndpoints(fcm_url="https://localhost:8443"))
    assert (moved.host, moved.port) == ("localhost", 8443)
