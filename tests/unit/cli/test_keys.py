"""The rehearsal's credentials are of the kind that Apple and Google hand out: the providers' own checks take them."""

import json

from services.cli.rehearsal.keys import BUNDLE, PROJECT, apple_key, service_account
from services.simulator.apns.keys import Key
from services.simulator.fcm.project import ServiceAccount
from shared.providers.registry import provider


def test_apns_takes_the_key_and_the_simulator_its_public_half() -> None:
    key = apple_key()
    settings = {"environment": "production", "topic": BUNDLE, "key": key.p8}
    settings |= {"key_id": key.key_id, "team_id": key.team_id}
    provider("apns").Settings.model_validate(settings)
    Key(key_id=key.key_id, team_id=key.team_id, public_key=key.public_key)


def test_fcm_takes_the_service_account_and_the_simulator_its_public_half() -> None:
    account = service_account()
    settings = provider("fcm").Settings.model_validate({"service_account": account.file})
    assert settings.project_id == PROJECT
    assert json.loads(account.file)["client_email"] == account.client_email
    ServiceAccount(
        client_email=account.client_email,
        project=PROJECT,
        private_key_id=account.private_key_id,
        public_key=account.public_key,
    )


def test_no_two_keys_are_the_same() -> None:
    one, other = apple_key(), apple_key()
    assert one.p8 != other.p8
    assert one.key_id != other.key_id
