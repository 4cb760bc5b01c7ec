"""Keeps simulated APNs honest: aioapns, made for the real one, gets the answers that the reference says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aioapns import APNs, NotificationRequest, PushType
from aioapns.common import NotificationResult
from aioapns.connection import APNsTLSClientProtocol
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.integration.simulator.apns_rig import AUTHORITY, BUNDLE, KEY_ID, SIGNER, TEAM, TOKEN, Rig, rigged

pytestmark = pytest.mark.anyio

GONE = "ee" * 32
HELLO = {"aps": {"alert": "hello"}}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as running:
        running.register(GONE, state="unregistered", since=1_454_402_113_000)
        yield running


async def silent(_: NotificationRequest, __: NotificationResult) -> None:
    """Failures are returned as well."""


def key() -> str:
    return SIGNER._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@asynccontextmanager
async def client(
    rig: Rig, *, listener: str = "apns.production", certificate: Path | None = None
) -> AsyncIterator[APNs]:
    """aioapns with the simulator's address and trust in its authority; host and port are class attributes there."""

    class Protocol(APNsTLSClientProtocol):
        APNS_SERVER = "127.0.0.1"
        APNS_PORT = rig.servers[listener].port

    tls = AUTHORITY.client_context()
    common: dict[str, Any] = {
        "ssl_context": tls,
        "err_func": silent,
        "max_connections": 2,
        "max_connection_attempts": 2,
    }
    if certificate is None:
        made = APNs(key=key(), key_id=KEY_ID, team_id=TEAM, topic=BUNDLE, **common)
    else:
        made = APNs(client_cert=str(certificate), **common)
    made.pool.protocol_class = Protocol
    try:
        yield made
    finally:
        made.pool.close()
        await asyncio.sleep(0)


def asked(token: str = TOKEN, **fields: Any) -> NotificationRequest:
    return NotificationRequest(token, **{"message": HELLO, "push_type": PushType.ALERT, **fields})


async def test_a_notification_is_accepted_under_the_id_that_aioapns_gave_it(rig: Rig) -> None:
    request = asked(notification_id=str(uuid4()), priority=10, collapse_key="news", time_to_live=60)
    async with client(rig) as apns:
        result = await apns.send_notification(request)
    assert (result.status, result.is_successful, result.notification_id) == ("200", True, request.notification_id)
    (entry,) = rig.requests()
    assert (entry["token"], entry["apns_id"], entry["status"]) == (TOKEN, request.notification_id, 200)
    assert rig.shown() == ["hello"]


@pytest.mark.parametrize(
    ("token", "fields", "status", "reason"),
    [
        ("cd" * 32, {}, "400", "BadDeviceToken"),
        ("xyz", {}, "400", "BadDeviceToken"),
        (TOKEN, {"priority": 3}, "400", "BadPriority"),
        (TOKEN, {"collapse_key": "x" * 65}, "400", "BadCollapseId"),
        (TOKEN, {"push_type": PushType.VOIP}, "400", "InvalidPushType"),
        (TOKEN, {"push_type": PushType.BACKGROUND, "priority": 10}, "400", "BadPriority"),
        (TOKEN, {"message": {"aps": {"alert": "x" * 4096}}}, "413", "PayloadTooLarge"),
    ],
)
async def test_each_mistake_gets_apples_reason(
    rig: Rig, token: str, fields: dict[str, object], status: str, reason: str
) -> None:
    async with client(rig) as apns:
        result = await apns.send_notification(asked(token, **fields))
    assert (result.status, result.description) == (status, reason)


async def test_a_dead_token_comes_with_the_time_in_milliseconds(rig: Rig) -> None:
    async with client(rig) as apns:
        result = await apns.send_notification(asked(GONE))
    assert (result.status, result.description, result.timestamp) == ("410", "Unregistered", 1_454_402_113_000)


async def test_a_key_that_was_not_registered_is_an_invalid_provider_token(rig: Rig) -> None:
    rig.apns.keys.clear()
    async with client(rig) as apns:
        result = await apns.send_notification(asked())
    assert (result.status, result.description) == ("403", "InvalidProviderToken")


@pytest.mark.filterwarnings("ignore:X509.get_subject is deprecated")  # aioapns reads the topic that way
async def test_a_certificate_needs_no_token_and_brings_its_topic(rig: Rig, tmp_path: Path) -> None:
    pair = AUTHORITY.push_certificate(BUNDLE)
    file = tmp_path / "push.pem"
    file.write_bytes(pair.certificate + pair.key)
    async with client(rig, certificate=file) as apns:
        result = await apns.send_notification(asked())
    assert result.status == "200"
    assert rig.requests()[0]["auth"]["certificate"] == BUNDLE


async def test_a_hundred_at_once_after_the_first_and_each_is_accepted_once(rig: Rig) -> None:
    tokens = [f"{number:064x}" for number in range(100)]
    for token in tokens:
        rig.register(token)
    async with client(rig) as apns:
        await apns.send_notification(asked())  # aioapns does not wait for the stream limit to rise: help it
        results = await asyncio.gather(*(apns.send_notification(asked(token)) for token in tokens))
    assert {result.status for result in results} == {"200"}
    accepted = {device["token"]: device["accepted"] for device in rig.apns.ledger.devices()}
    assert accepted == dict.fromkeys([*tokens, TOKEN], 1)


async def test_what_aioapns_sends_before_its_first_answer_is_refused_by_the_single_stream_limit(rig: Rig) -> None:
    """It assumes 1,000 streams until it has read SETTINGS, and waits for ever for a stream that was reset."""
    rig.knobs(latency={"median": 0.05})
    async with client(rig) as apns:
        sends = [asyncio.ensure_future(apns.send_notification(asked())) for _ in range(10)]
        done, waiting = await asyncio.wait(sends, timeout=0.5)
        for connection in apns.pool.connections:
            connection.requests.clear()  # it fails on cancelled ones when its connection ends
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert {task.result().status for task in done} == {"200"}
    assert len(waiting) >= 1
    assert len(rig.requests()) == len(done)
