"""Broadcasts and their channels at simulated APNs: row A27."""

import json
import uuid

import pytest

from services.simulator.apns.reasons import STATUS
from tests.integration.simulator.apns_rig import BUNDLE, TEAM, Rig, Signer, headers, reason
from tests.integration.simulator.h2_client import Client, Reply

pytestmark = pytest.mark.anyio

MANAGE = "apns.channels-production"
UPDATE = b'{"aps":{"event":"update","content-state":{},"timestamp":1}}'


def managing(
    method: str, *, bundle: str = BUNDLE, name: str = "channels", **named: str | None
) -> list[tuple[str, str]]:
    plain = {"apns_topic": None, "apns_push_type": None, ":method": method, "path": f"/1/apps/{bundle}/{name}"}
    return headers(**{**plain, **named})


def broadcast(channel: str | None, **named: str | None) -> list[tuple[str, str]]:
    plain = {"apns_topic": None, "apns_push_type": "liveactivity", "path": f"/4/broadcasts/apps/{BUNDLE}"}
    return headers(**{**plain, "apns_channel_id": channel, **named})


async def create(client: Client, policy: object = 1, kind: str = "LiveActivity") -> Reply:
    body = json.dumps({"message-storage-policy": policy, "push-type": kind}).encode()
    return await client.request(managing("POST"), body)


async def channel_of(client: Client, policy: int = 1) -> str:
    made = (await create(client, policy)).header("apns-channel-id")
    assert made is not None
    return made


async def test_a27_channels_are_made_read_listed_and_deleted_on_their_own_port(rig: Rig) -> None:
    async with rig.client(MANAGE) as client:
        asked = str(uuid.uuid4())
        made = await client.request(
            managing("POST", apns_request_id=asked), b'{"message-storage-policy":0,"push-type":"LiveActivity"}'
        )
        channel = made.header("apns-channel-id")
        assert (made.status, made.body, made.header("apns-request-id")) == (201, b"", asked)
        read = await client.request(managing("GET", apns_channel_id=channel))
        assert (read.status, json.loads(read.body)) == (200, {"message-storage-policy": 0, "push-type": "LiveActivity"})
        listed = await client.request(managing("GET", name="all-channels"))
        assert json.loads(listed.body) == {"channels": [channel]}
        assert (await client.request(managing("DELETE", apns_channel_id=channel))).status == 204
        assert reason(await client.request(managing("GET", apns_channel_id=channel))) == "ChannelNotRegistered"
        assert json.loads((await client.request(managing("GET", name="all-channels"))).body) == {"channels": []}


async def test_a27_the_environments_have_channels_of_their_own(rig: Rig) -> None:
    async with rig.client(MANAGE) as client:
        channel = await channel_of(client)
    async with rig.client("apns.channels-sandbox") as client:
        assert reason(await client.request(managing("GET", apns_channel_id=channel))) == "ChannelNotRegistered"
    async with rig.client("apns.sandbox") as client:
        assert reason(await client.request(broadcast(channel), UPDATE)) == "ChannelNotRegistered"


async def test_a27_an_app_has_at_most_ten_thousand_channels(rig: Rig) -> None:
    assert rig.apns.dial.now.channel_limit == 10_000
    rig.knobs(channel_limit=2)
    async with rig.client(MANAGE) as client:
        statuses = [(await create(client)).status for _ in range(2)]
        assert statuses == [201, 201]
        assert reason(await create(client)) == "CannotCreateChannelConfig"


async def test_a27_a_broadcast_reaches_its_channel_which_keeps_the_newest_for_8_hours(rig: Rig) -> None:
    rig.knobs(idle_timeout=None)
    async with rig.client(MANAGE) as manager, rig.client() as client:
        kept, unkept = await channel_of(manager, 1), await channel_of(manager, 0)
        asked = str(uuid.uuid4())
        reply = await client.request(broadcast(kept, apns_request_id=asked), UPDATE)
        assert (reply.status, reply.body, reply.header("apns-request-id")) == (200, b"", asked)
        assert (await client.request(broadcast(unkept, apns_push_type="Liveactivity"), UPDATE)).status == 200
    channels = rig.apns.sites["production"].channels
    stored = [channels.find(BUNDLE, each) for each in (kept, unkept)]
    assert [bool(each and each.stored(rig.apns.clock.now())) for each in stored] == [True, False]
    rig.advance(hours=8, minutes=1)
    assert stored[0] is not None
    assert stored[0].stored(rig.apns.clock.now()) is None
    assert [entry["payload"] for entry in rig.apns.ledger.shown(kept)] == [UPDATE.decode()]


async def test_a27_a_channel_without_storage_takes_no_expiration_but_zero(rig: Rig) -> None:
    later = str(int(rig.now()) + 600)
    async with rig.client(MANAGE) as manager, rig.client() as client:
        kept, unkept = await channel_of(manager, 1), await channel_of(manager, 0)
        assert reason(await client.request(broadcast(unkept, apns_expiration=later), UPDATE)) == "BadExpirationDate"
        assert (await client.request(broadcast(unkept, apns_expiration="0"), UPDATE)).status == 200
        assert (await client.request(broadcast(kept, apns_expiration=later), UPDATE)).status == 200


async def test_a27_each_mistake_in_a_broadcast_has_its_reason(rig: Rig) -> None:
    other = Signer(TEAM, "KEY0000008", topics=("com.example.other",))
    rig.apns.keys.register(other.key)
    async with rig.client(MANAGE) as manager, rig.client() as client:
        channel = await channel_of(manager)
        wrong = [
            ("MissingChannelId", broadcast(None), UPDATE),
            ("BadChannelId", broadcast("not base64!"), UPDATE),
            ("ChannelNotRegistered", broadcast("AAAA"), UPDATE),
            ("TopicDisallowed", broadcast(channel, apns_topic=f"{BUNDLE}.push-type.liveactivity"), UPDATE),
            ("MissingPushType", broadcast(channel, apns_push_type=None), UPDATE),
            ("InvalidPushType", broadcast(channel, apns_push_type="alert"), UPDATE),
            ("BadMessageId", broadcast(channel, apns_request_id="42"), UPDATE),
            ("BadPriority", broadcast(channel, apns_priority="3"), UPDATE),
            ("BadExpirationDate", broadcast(channel, apns_expiration="soon"), UPDATE),
            ("PayloadEmpty", broadcast(channel), b""),
            ("PayloadTooLarge", broadcast(channel), UPDATE + b" " * 5120),
            ("BadRequestPayload", broadcast(channel), b'{"aps":{"event":"start"}}'),
            ("MissingProviderToken", broadcast(channel, authorization=None), UPDATE),
            ("MethodNotAllowed", broadcast(channel, **{":method": "PUT"}), UPDATE),
        ]
        for expected, asked, body in wrong:
            reply = await client.request(asked, body)
            assert (reason(reply), reply.status) == (expected, STATUS[expected])
    async with rig.client() as client:
        assert (
            reason(await client.request(broadcast(channel, authorization=f"bearer {other.jwt()}"), UPDATE))
            == "TopicMismatch"
        )
        rig.knobs(broadcasts=False)
        assert reason(await client.request(broadcast(channel), UPDATE)) in {
            "FeatureNotEnabled",
            "UnrelatedKeyIdInToken",
            "TooManyProviderTokenUpdates",
        }


async def test_a27_each_mistake_in_managing_has_its_reason(rig: Rig) -> None:
    async with rig.client(MANAGE) as client:
        wrong = [
            ("MissingChannelId", managing("GET"), b""),
            ("MethodNotAllowed", managing("PUT"), b"{}"),
            ("MethodNotAllowed", managing("POST", name="all-channels"), b"{}"),
            ("BadPath", managing("GET", name="streams"), b""),
            ("PayloadEmpty", managing("POST"), b""),
            ("BadRequestPayload", managing("POST"), b"["),
            ("MissingPushType", managing("POST"), b'{"message-storage-policy":1}'),
            ("InvalidPushType", managing("POST"), b'{"message-storage-policy":1,"push-type":"alert"}'),
            ("BadRequestParams", managing("POST"), b'{"message-storage-policy":2,"push-type":"LiveActivity"}'),
            ("InvalidProviderToken", managing("GET", authorization="bearer a.b.c"), b""),
        ]
        for expected, asked, body in wrong:
            reply = await client.request(asked, body)
            assert (reason(reply), reply.status) == (expected, STATUS[expected])
        rig.knobs(broadcasts=False)
        assert reason(await create(client)) == "FeatureNotEnabled"
