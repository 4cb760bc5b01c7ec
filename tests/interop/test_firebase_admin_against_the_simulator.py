"""Google's own Admin SDK gets from the simulated Firebase the errors that it names, and its successes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import firebase_admin
import pytest
from anyio import to_thread
from firebase_admin import credentials, exceptions, messaging

from services.simulator.fcm.project import Project
from tests.integration.simulator.fcm.running import OTHER, PROJECT, Firebase, account_of, running_firebase, token

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Message.token is deprecated:DeprecationWarning"),
]


class Sdk:
    """The SDK, pointed at a simulator: its addresses are constants, the token's is in the account's file."""

    def __init__(self, firebase: Firebase) -> None:
        file = account_of(PROJECT)[0] | {"token_uri": f"{firebase.url}/token"}
        self.app = firebase_admin.initialize_app(credentials.Certificate(file), name=firebase.url)

    async def __call__(self, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return await to_thread.run_sync(lambda: call(*args, app=self.app, **named))


@pytest.fixture
async def firebase(anyio_backend: str) -> AsyncIterator[Firebase]:
    async with running_firebase() as running:
        yield running


@pytest.fixture
def sdk(firebase: Firebase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    authority = tmp_path / "ca.pem"
    firebase.authority.write(authority)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    service = messaging._MessagingService
    monkeypatch.setattr(service, "FCM_URL", f"{firebase.url}/v1/projects/{{0}}/messages:send")
    monkeypatch.setattr(service, "IID_URL", firebase.url)
    made = Sdk(firebase)
    topic_url = f"{firebase.url}/v1/projects/{PROJECT}/registrations"
    messaging._get_messaging_service(made.app)._fcm_topic_url = topic_url
    yield made
    firebase_admin.delete_app(made.app)


def message(name: str, **more: Any) -> Any:
    return messaging.Message(token=name, notification=messaging.Notification("title", "body"), **more)


async def test_the_sdk_sends_and_gets_a_name(firebase: Firebase, sdk: Sdk) -> None:
    device = firebase.device("a")
    android = messaging.AndroidConfig(collapse_key="k", priority="high", ttl=3600)
    name = await sdk(messaging.send, message(device, data={"k": "v"}, android=android))
    assert name.startswith(f"projects/{PROJECT}/messages/0:")
    [event] = firebase.shown(device)
    assert (event["notification"], event["data"]) == ({"title": "title", "body": "body"}, {"k": "v"})
    assert await sdk(messaging.send, message(device), dry_run=True) == f"projects/{PROJECT}/messages/fake_message_id"
    assert len(firebase.shown(device)) == 1


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"state": "unregistered"}, messaging.UnregisteredError),
        ({"state": "malformed"}, exceptions.InvalidArgumentError),
        ({"project": OTHER}, messaging.SenderIdMismatchError),
        ({"kind": "ios", "state": "ios_disabled"}, exceptions.InvalidArgumentError),
        ({"kind": "web", "state": "web_dead"}, messaging.UnregisteredError),
        ({"script": [{"status": 429, "reason": "QUOTA_EXCEEDED"}]}, messaging.QuotaExceededError),
        ({"script": [{"status": 404}]}, exceptions.NotFoundError),
    ],
)
async def test_the_sdk_names_each_refusal(
    firebase: Firebase, sdk: Sdk, entry: dict[str, Any], expected: type[Exception]
) -> None:
    with pytest.raises(expected) as caught:
        await sdk(messaging.send, message(firebase.device("a", **entry)))
    assert type(caught.value) is expected


async def test_the_sdk_names_a_third_party_auth_error(firebase: Firebase, sdk: Sdk) -> None:
    failing = Project(id=PROJECT, third_party_auth_error={"ios": "InvalidProviderToken"})
    firebase.fcm.world.directory.add_project(failing)
    with pytest.raises(messaging.ThirdPartyAuthError):
        await sdk(messaging.send, message(firebase.device("apple", kind="ios")))
    assert await sdk(messaging.send, message(firebase.device("android")))


async def test_the_sdk_tries_again_after_a_503(firebase: Firebase, sdk: Sdk) -> None:
    device = firebase.device("a", script=[{"status": 503, "reason": "UNAVAILABLE"}])
    assert await sdk(messaging.send, message(device))
    assert [line["status"] for line in firebase.logged(token=device)] == [503, 200]


async def test_the_sdk_sends_to_a_fid(firebase: Firebase, sdk: Sdk) -> None:
    firebase.fcm.import_tokens([{"fid": "cAbCdEfGhIjKlMnOpQrStU", "project": PROJECT}])
    assert await sdk(messaging.send, messaging.Message(fid="cAbCdEfGhIjKlMnOpQrStU"))


async def test_the_sdk_reports_each_of_many(firebase: Firebase, sdk: Sdk) -> None:
    many = [message(firebase.device("a")), message(token("stranger")), message(firebase.device("b"))]
    answered = await sdk(messaging.send_each, many)
    assert (answered.success_count, answered.failure_count) == (2, 1)
    assert isinstance(answered.responses[1].exception, messaging.UnregisteredError)


async def test_the_sdk_subscribes_and_unsubscribes(firebase: Firebase, sdk: Sdk) -> None:
    tokens = [firebase.device("a"), token("stranger")]
    answered = await sdk(messaging.subscribe_to_topic, tokens, "news")
    assert (answered.success_count, [each.reason for each in answered.errors]) == (1, ["UNREGISTERED"])
    assert firebase.fcm.world.registry.by_token[tokens[0]].topics == {"news"}
    assert (await sdk(messaging.unsubscribe_from_topic, tokens[:1], "news")).success_count == 1
    assert firebase.fcm.world.registry.by_token[tokens[0]].topics == frozenset()


async def test_the_sdk_subscribes_by_instance_id_as_older_ones_do(firebase: Firebase, sdk: Sdk) -> None:
    tokens = [firebase.device("a"), token("stranger")]
    service = messaging._get_messaging_service(sdk.app)
    answered = await to_thread.run_sync(service.make_topic_management_request, tokens, "news", "iid/v1:batchAdd")
    assert (answered.success_count, [each.reason for each in answered.errors]) == (1, ["NOT_FOUND"])
