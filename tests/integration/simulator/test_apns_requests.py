"""What simulated APNs answers to a notification: rows A5 to A9, A15 to A17, A20 and A23."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
from h2.errors import ErrorCodes

from services.simulator.apns.reasons import STATUS
from services.simulator.apns.topics import PUSH_TYPES
from tests.integration.simulator.apns_rig import BODY, BUNDLE, SIGNER, TOKEN, Rig, headers, reason

pytestmark = pytest.mark.anyio

GONE = "ee" * 32


async def test_a5_a_token_of_the_other_environment_is_a_bad_device_token(rig: Rig) -> None:
    rig.register("cd" * 32, environment="sandbox")
    for listener, good, bad in (("apns.production", TOKEN, "cd" * 32), ("apns.sandbox", "cd" * 32, TOKEN)):
        async with rig.client(listener) as client:
            assert (await client.request(headers(good), BODY)).status == 200
            refused = await client.request(headers(bad), BODY)
            assert (refused.status, reason(refused)) == (400, "BadDeviceToken")


async def test_a5_knob_unknown_tokens_are_accepted(rig: Rig) -> None:
    rig.knobs(accept_unknown_tokens=True)
    async with rig.client() as client:
        assert (await client.request(headers("cd" * 32), BODY)).status == 200
        assert reason(await client.request(headers("xyz"), BODY)) == "BadDeviceToken"


@pytest.mark.parametrize("token", ["zz" * 32, "abc", "ab" * 101])
async def test_a5_what_is_no_hex_is_a_bad_device_token(rig: Rig, token: str) -> None:
    async with rig.client() as client:
        assert reason(await client.request(headers(token), BODY)) == "BadDeviceToken"


async def test_a6_a_registry_entry_says_whose_the_token_is_and_for_what(rig: Rig) -> None:
    rig.register("c1" * 32, bundle="com.example.other")
    rig.register("c2" * 32, types=["voip"])
    rig.register("c3" * 32, team="TEAM999999")
    rig.register("c4" * 50)  # Apple: assume no length
    rig.register("c5" * 32, state="expired", since=1_700_000_000_123)
    async with rig.client() as client:
        for foreign in ("c1" * 32, "c2" * 32, "c3" * 32):
            refused = await client.request(headers(foreign), BODY)
            assert (refused.status, reason(refused)) == (400, "DeviceTokenNotForTopic")
        voip = headers("c2" * 32, apns_topic=f"{BUNDLE}.voip", apns_push_type="voip")
        assert (await client.request(voip, BODY)).status == 200
        assert (await client.request(headers("c4" * 50), BODY)).status == 200
        assert (await client.request(headers(TOKEN.upper()), BODY)).status == 200
        expired = await client.request(headers("c5" * 32), BODY)
        assert (expired.status, reason(expired)) == (410, "ExpiredToken")


async def test_a7_a_410_carries_the_timestamp_and_comes_late(rig: Rig) -> None:
    rig.knobs(gone_delay_days=40, idle_timeout=None)
    since = int(rig.now() * 1000)
    rig.register(GONE, state="unregistered", since=since)
    rig.register("ef" * 32, state="unregistered", since=since)
    async with rig.client() as client:
        days = {GONE: 0, "ef" * 32: 0}
        for day in range(42):
            jwt = SIGNER.jwt(issued=rig.now())
            for token, known in days.items():
                reply = await client.request(headers(token, jwt=jwt), BODY)
                days[token] = known or (day if reply.status == 410 else 0)
                if reply.status == 410:
                    assert reply.body == b'{"reason":"Unregistered","timestamp":%d}' % since
            rig.advance(days=1)
    assert len(set(days.values())) == 2  # not after the same time for all
    assert all(0 < day <= 40 for day in days.values())
    assert rig.apns.ledger.shown(GONE) == []  # the 200s of a removed app reach nobody


async def test_a7_without_the_knob_a_410_comes_at_once_and_names_the_time_of_the_change(rig: Rig) -> None:
    before = datetime.now(UTC).timestamp() * 1000
    rig.apns.change_token(TOKEN, {"state": "unregistered"})
    async with rig.client() as client:
        reply = await client.request(headers(), BODY)
    assert before - 1 <= int(reply.body.split(b":")[-1][:-1]) <= datetime.now(UTC).timestamp() * 1000


async def test_a8_the_id_is_echoed_in_lower_case_or_made_and_a_success_has_no_body(rig: Rig) -> None:
    given = str(uuid.uuid4())
    async with rig.client() as client:
        for sent in (given, given.upper()):
            reply = await client.request(headers(apns_id=sent), BODY)
            assert reply.headers == [(":status", "200"), ("apns-id", given)]
            assert reply.body == b""
        made = (await client.request(headers(), BODY)).header("apns-id")
        assert made is not None
        assert str(uuid.UUID(made)) == made
        bad = await client.request(headers("cd" * 32, apns_id=given), BODY)
        assert bad.headers == [(":status", "400"), ("apns-id", given), ("content-type", "application/json")]
        assert bad.body == b'{"reason":"BadDeviceToken"}'  # and no timestamp
        assert reason(await client.request(headers(apns_id="42"), BODY)) == "BadMessageId"


async def test_a9_the_unique_id_exists_in_the_sandbox_only(rig: Rig) -> None:
    rig.register("cd" * 32, environment="sandbox")
    async with rig.client() as client:
        assert (await client.request(headers(), BODY)).header("apns-unique-id") is None
    async with rig.client("apns.sandbox") as client:
        assert (await client.request(headers("cd" * 32), BODY)).header("apns-unique-id")
        assert (await client.request(headers(), BODY)).header("apns-unique-id") is None  # it was refused


@pytest.mark.parametrize("name", [name for name, kind in PUSH_TYPES.items() if not kind.certificate_only])
async def test_a15_each_push_type_has_its_topic(rig: Rig, name: str) -> None:
    kind = PUSH_TYPES[name]
    async with rig.client() as client:
        right = headers(apns_topic=BUNDLE + kind.suffix, apns_push_type=name)
        wrong = headers(apns_topic=BUNDLE + (".voip" if kind.suffix != ".voip" else ""), apns_push_type=name)
        assert (await client.request(right, BODY)).status == 200
        assert reason(await client.request(wrong, BODY)) == "InvalidPushType"


async def test_a15_mdm_takes_a_certificate_and_no_token(rig: Rig) -> None:
    topic = "com.apple.mgmt.External.1"
    rig.register("cd" * 32, bundle=topic)
    mdm = {"apns_topic": topic, "apns_push_type": "mdm"}
    async with rig.client() as client:
        assert reason(await client.request(headers("cd" * 32, **mdm), b'{"mdm":"x"}')) == "TopicDisallowed"
    async with rig.client(pair=rig.authority.push_certificate(topic)) as client:
        assert (await client.request(headers("cd" * 32, authorization=None, **mdm), b'{"mdm":"x"}')).status == 200


async def test_a15_topics_and_types_that_are_none(rig: Rig) -> None:
    async with rig.client() as client:
        assert reason(await client.request(headers(apns_topic=None), BODY)) == "MissingTopic"
        assert reason(await client.request(headers(apns_topic="com example"), BODY)) == "BadTopic"
        assert reason(await client.request(headers(apns_push_type="loud"), BODY)) == "InvalidPushType"
        assert (await client.request(headers(apns_push_type=None), BODY)).status == 200
        rig.knobs(require_push_type=True)
        assert reason(await client.request(headers(apns_push_type=None), BODY)) == "InvalidPushType"


async def test_a15_background_takes_priority_5_and_refuses_10(rig: Rig) -> None:
    async with rig.client() as client:
        for given, expected in (("5", 200), ("1", 200), (None, 200), ("10", 400), ("7", 400)):
            reply = await client.request(headers(apns_push_type="background", apns_priority=given), BODY)
            assert reply.status == expected
        assert reason(reply) == "BadPriority"
        rig.knobs(background_priority="accept")
        loud = headers(apns_push_type="background", apns_priority="10")
        assert (await client.request(loud, BODY)).status == 200


@pytest.mark.parametrize(("name", "limit"), [("alert", 4096), ("voip", 5120), ("liveactivity", 4096)])
async def test_a16_a_payload_exactly_at_its_limit_passes_and_one_byte_more_does_not(
    rig: Rig, name: str, limit: int
) -> None:
    asked = headers(apns_topic=BUNDLE + PUSH_TYPES[name].suffix, apns_push_type=name)
    filler = "é" * ((limit - 2) // 2)  # bytes count, not characters
    async with rig.client() as client:
        assert (await client.request(asked, f'"{filler}"'.encode())).status == 200
        large = await client.request(asked, f'"{filler}" '.encode())
        assert (large.status, reason(large)) == (413, "PayloadTooLarge")
        assert reason(await client.request(asked, b"")) == "PayloadEmpty"


@pytest.mark.parametrize(("text", "status"), [("é" * 32, 200), ("é" * 32 + "x", 400), ("x" * 64, 200), ("x" * 65, 400)])
async def test_a17_a_collapse_id_has_64_bytes_not_characters(rig: Rig, text: str, status: int) -> None:
    async with rig.client() as client:
        reply = await client.request(headers(apns_collapse_id=text), BODY)
    assert reply.status == status
    assert status == 200 or reason(reply) == "BadCollapseId"


async def test_the_request_itself_must_be_right(rig: Rig) -> None:
    wrong = {
        "MethodNotAllowed": headers(**{":method": "GET"}),
        "BadPath": headers(path="/3/devices/" + TOKEN),
        "MissingDeviceToken": headers(path="/3/device/"),
        "DuplicateHeaders": [*headers(), ("apns-topic", BUNDLE)],
        "BadExpirationDate": headers(apns_expiration="tomorrow"),
        "BadPriority": headers(apns_priority="11"),
    }
    async with rig.client() as client:
        for expected, asked in wrong.items():
            reply = await client.request(asked, BODY)
            assert (reason(reply), reply.status) == (expected, STATUS[expected])


async def test_malformed_json_is_accepted_and_the_device_drops_it_unless_the_knob_says_otherwise(rig: Rig) -> None:
    async with rig.client() as client:
        assert (await client.request(headers(), b"{")).status == 200
        rig.knobs(malformed_json="reject")
        assert (await client.request(headers(), b"{")).status == 400
    (entry,) = rig.apns.ledger.shown(TOKEN)
    assert (entry["seen"], entry["dropped"]) == (False, "malformed JSON")


async def test_a20_knob_too_many_notifications_for_one_device(rig: Rig) -> None:
    rig.register("cd" * 32)
    rig.knobs(device_rate={"burst": 2, "per_second": 0.1})
    async with rig.client() as client:
        statuses = [(await client.request(headers(), BODY)).status for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert reason(await client.request(headers(), BODY)) == "TooManyRequests"
        assert (await client.request(headers("cd" * 32), BODY)).status == 200  # another device has its own
        rig.advance(seconds=11)
        statuses = [(await client.request(headers(), BODY)).status for _ in range(2)]
        assert statuses == [200, 429]


async def test_a23_knob_faults_come_at_their_rate_and_a_seed_repeats_them(rig: Rig) -> None:
    faults = [
        {"reason": "InternalServerError", "share": 0.2},
        {"reason": "ServiceUnavailable", "share": 0.2},
        {"status": 503, "reason": "Shutdown", "share": 0.2, "retry_after": "30"},
    ]
    runs = []
    async with rig.client() as client:
        for _ in range(2):
            rig.knobs(faults=faults, seed=7)
            replies = [await client.request(headers(), BODY) for _ in range(100)]
            runs.append([(reply.status, reply.body, reply.header("retry-after")) for reply in replies])
    assert runs[0] == runs[1]
    counts = {
        wanted: sum(wanted in body for _, body, _ in runs[0]) for wanted in (b"Internal", b"Unavail", b"Shutdown")
    }
    assert all(5 <= count <= 35 for count in counts.values())
    assert {(status, after) for status, body, after in runs[0] if b"Shutdown" in body} == {(503, "30")}


async def test_a23_knob_answers_take_as_long_as_the_distribution_says(rig: Rig) -> None:
    rig.knobs(latency={"median": 0.02, "sigma": 0.3, "tail_share": 0.1, "tail": 0.15}, seed=3)
    loop_time = asyncio.get_running_loop().time
    spans = []
    async with rig.client() as client:
        for _ in range(40):
            began = loop_time()
            await client.request(headers(), BODY)
            spans.append(loop_time() - began)
    slow = [span for span in spans if span > 0.14]
    assert 1 <= len(slow) <= 19
    assert sorted(spans)[20] > 0.01


async def test_a_script_is_consumed_one_step_a_request_and_then_the_rules_are_back(rig: Rig) -> None:
    rig.apns.change_token(
        TOKEN,
        {
            "script": [
                {"status": 503, "reason": "ServiceUnavailable", "retry_after": "7", "times": 2},
                {},
                {"reason": "Unregistered", "timestamp": 1234},
                {"drop": "reset"},
            ]
        },
    )
    async with rig.client() as client:
        replies = [await client.request(headers(), BODY) for _ in range(6)]
    assert [reply.status for reply in replies] == [503, 503, 200, 410, 0, 200]
    assert replies[0].header("retry-after") == "7"
    assert replies[3].body == b'{"reason":"Unregistered","timestamp":1234}'
    assert replies[4].reset == ErrorCodes.INTERNAL_ERROR
    (device,) = rig.apns.ledger.devices()
    verdicts = {"503 ServiceUnavailable": 2, "200": 2, "410 Unregistered": 1, "reset": 1}
    assert (device["accepted"], device["verdicts"]) == (2, verdicts)


async def test_a_script_is_not_spent_on_a_request_that_is_wrong_in_itself(rig: Rig) -> None:
    rig.apns.change_token(TOKEN, {"script": [{"reason": "InternalServerError"}]})
    async with rig.client() as client:
        assert reason(await client.request(headers(), b"")) == "PayloadEmpty"
        assert reason(await client.request(headers(), BODY)) == "InternalServerError"


async def test_answers_come_in_odd_but_legal_forms_when_scripted(rig: Rig) -> None:
    given = str(uuid.uuid4())
    shapes = [
        {"reason": "BadTopic", "shape": "split"},
        {"reason": "InternalServerError", "shape": "empty"},
        {"shape": "upper_id"},
    ]
    rig.apns.change_token(TOKEN, {"script": shapes})
    async with rig.client() as client:
        split, empty, upper = [await client.request(headers(apns_id=given), BODY) for _ in range(3)]
    assert (split.frames, reason(split)) == (2, "BadTopic")
    assert (empty.status, empty.body) == (500, b"")
    assert (upper.status, upper.header("apns-id")) == (200, given.upper())


async def test_an_answer_can_be_lost_although_the_notification_was_accepted(rig: Rig) -> None:
    rig.knobs(lose_answer=1.0)
    async with rig.client() as client:
        stream = client.send(headers(), BODY)
        await client.until(lambda: client.closed)
        assert not client.replies[stream].ended
    (entry,) = rig.requests()
    assert (entry["status"], entry["drop"]) == (200, "close")
    assert rig.shown() == ["hello"]


async def test_a_notification_dropped_unprocessed_reaches_nobody(rig: Rig) -> None:
    rig.apns.change_token(TOKEN, {"script": [{"drop": "close"}]})
    async with rig.client() as client:
        client.send(headers(), BODY)
        await client.until(lambda: client.closed)
    assert rig.requests()[0]["status"] is None
    assert rig.shown() == []
