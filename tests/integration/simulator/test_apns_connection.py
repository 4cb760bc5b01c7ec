"""How simulated APNs treats a connection: rows A1 to A4, A10, A21, A22, A24 to A26, A28, A29."""

import asyncio
import ssl
import time

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.integration.simulator.apns_rig import BODY, BUNDLE, TOKEN, Rig, headers, reason
from tests.integration.simulator.h2_client import LIMIT, Client

pytestmark = pytest.mark.anyio


async def proven(client: Client) -> None:
    """Authenticate, and wait for the full stream limit."""
    assert (await client.request(headers(), BODY)).status == 200
    await client.until(lambda: client.limit > 1)


async def test_a1_a_client_without_h2_in_its_alpn_is_disconnected(rig: Rig) -> None:
    for alpn in ((), ("http/1.1",)):
        async with rig.client(alpn=alpn) as client:
            assert client.closed
            assert not client.settings


async def test_a1_tls_before_1_2_is_refused(rig: Rig) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cadata=rig.authority.pem.decode())
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", rig.servers["apns.production"].port, ssl=old)


async def test_a1_a_push_certificate_authenticates_and_names_the_topic(rig: Rig) -> None:
    async with rig.client(pair=rig.authority.push_certificate(BUNDLE)) as client:
        assert client.settings[0][LIMIT] == 1000  # no waiting for a token
        bare = await client.request(headers(authorization=None, apns_topic=None), BODY)
        foreign = await client.request(headers(authorization=None, apns_topic="com.other.app"), BODY)
        ignored = await client.request(headers(jwt="rubbish"), BODY)
        location = headers(authorization=None, apns_topic=f"{BUNDLE}.location-query", apns_push_type="location")
        assert bare.status == 200
        assert reason(foreign) == "TopicDisallowed"
        assert ignored.status == 200
        assert reason(await client.request(location, BODY)) == "TopicDisallowed"
    assert rig.requests(status="200")[0]["auth"]["certificate"] == BUNDLE


async def test_a1_a_certificate_of_several_topics_has_no_default_topic(rig: Rig) -> None:
    topics = (BUNDLE, f"{BUNDLE}.voip")
    async with rig.client(pair=rig.authority.push_certificate(BUNDLE, topics=topics)) as client:
        bare = await client.request(headers(authorization=None, apns_topic=None), BODY)
        voip = headers(authorization=None, apns_topic=topics[1], apns_push_type="voip")
        unlisted = headers(authorization=None, apns_topic=f"{BUNDLE}.complication", apns_push_type="complication")
        assert reason(bare) == "MissingTopic"
        assert (await client.request(voip, BODY)).status == 200
        assert reason(await client.request(unlisted, BODY)) == "TopicDisallowed"


async def test_a2_one_stream_until_the_first_valid_token_then_a_thousand(rig: Rig) -> None:
    async with rig.client() as client:
        first = client.settings[0]
        assert first[LIMIT] == 1
        assert first[SettingCodes.MAX_HEADER_LIST_SIZE] == 8000
        refused = await client.request(headers(jwt="rubbish"), BODY)
        assert reason(refused) == "InvalidProviderToken"
        await asyncio.sleep(0.3)
        assert client.limit == 1
        await proven(client)
        assert client.limit == 1000


async def test_a2_a_valid_token_on_a_bad_request_is_proof_enough(rig: Rig) -> None:
    async with rig.client() as client:
        assert reason(await client.request(headers("cd" * 32), BODY)) == "BadDeviceToken"
        await client.until(lambda: client.limit == 1000)


async def test_a3_a_stream_beyond_the_limit_is_refused_and_the_others_live(rig: Rig) -> None:
    rig.knobs(stream_limit=3, latency={"median": 0.1})
    async with rig.client() as client:
        await proven(client)
        streams = [client.send(headers(), BODY) for _ in range(5)]
        replies = [await client.reply(stream) for stream in streams]
        assert [reply.status for reply in replies[:3]] == [200, 200, 200]
        assert [reply.reset for reply in replies[3:]] == [ErrorCodes.REFUSED_STREAM] * 2
    assert len(rig.requests(status="200")) == 4  # what was refused was not processed


async def test_a3_a_client_that_starts_with_many_streams_has_one_served(rig: Rig) -> None:
    rig.knobs(latency={"median": 0.1})
    async with rig.client() as client:
        replies = [await client.reply(stream) for stream in [client.send(headers(), BODY) for _ in range(4)]]
        assert [reply.status for reply in replies] == [200, 0, 0, 0]


async def test_a3_a_lowered_limit_binds_only_once_it_is_acknowledged(rig: Rig) -> None:
    rig.knobs(stream_limit=10, latency={"median": 0.1})
    async with rig.client() as client:
        await proven(client)
        rig.knobs(stream_limit=1)  # the client has not seen it when it sends
        before = [client.send(headers(), BODY) for _ in range(5)]
        assert [(await client.reply(stream)).status for stream in before] == [200] * 5
        await client.until(lambda: client.limit == 1)
        after = [client.send(headers(), BODY) for _ in range(2)]
        assert [(await client.reply(stream)).status for stream in after] == [200, 0]


async def test_a3_knob_a_stream_too_many_ends_the_connection(rig: Rig) -> None:
    rig.knobs(stream_limit=2, stream_excess="goaway", latency={"median": 0.1})
    async with rig.client() as client:
        await proven(client)
        streams = [client.send(headers(), BODY) for _ in range(4)]
        await client.until(lambda: client.closed)
        assert [client.replies[stream].status for stream in streams] == [200, 200, 0, 0]
        assert client.goaways[0].last_stream_id == streams[1]


async def test_a4_knob_a_rejection_lowers_the_limit_to_one_until_the_next_success(rig: Rig) -> None:
    rig.register("ee" * 32, state="unregistered", since=1000)
    rig.knobs(punish=True)
    async with rig.client() as client:
        await proven(client)
        assert (await client.request(headers("ee" * 32), BODY)).status == 410
        assert client.limit == 1000  # a 410 is no error of ours
        await client.request(headers("cd" * 32), BODY)
        await client.until(lambda: client.limit == 1)
        await client.request(headers(), BODY)
        await client.until(lambda: client.limit == 1000)


async def test_a10_a_certificate_of_the_other_environment_gets_settings_then_a_goaway(rig: Rig) -> None:
    pair = rig.authority.push_certificate(BUNDLE, environments=("sandbox",))
    async with rig.client(pair=pair) as client:
        await client.until(lambda: client.closed)
        assert client.settings
        (goaway,) = client.goaways
        assert (goaway.last_stream_id, goaway.error_code) == (0, ErrorCodes.NO_ERROR)
        assert goaway.additional_data == b'{"reason":"BadCertificateEnvironment"}'
    async with rig.client("apns.sandbox", pair=pair) as client:
        assert (await client.request(headers(authorization=None), BODY)).status == 400  # a token of the other side


async def test_a10_knob_a_second_goaway_has_no_data_and_a_status_instead_of_one(rig: Rig) -> None:
    pair = rig.authority.push_certificate(BUNDLE, environments=("sandbox",))
    rig.knobs(certificate_refusal="two_goaways")
    async with rig.client(pair=pair) as client:
        await client.until(lambda: client.closed)
        assert [bool(goaway.additional_data) for goaway in client.goaways] == [True, False]
    rig.knobs(certificate_refusal="status")
    async with rig.client(pair=pair) as client:
        reply = await client.request(headers(authorization=None), BODY)
        assert (reply.status, reason(reply)) == (403, "BadCertificateEnvironment")


async def test_a10_a_certificate_for_something_else_is_a_bad_certificate(rig: Rig) -> None:
    pair = rig.authority.push_certificate(BUNDLE, environments=())
    async with rig.client(pair=pair) as client:
        await client.until(lambda: client.closed)
        assert client.goaways[0].additional_data == b'{"reason":"BadCertificate"}'


async def test_a21_after_n_requests_a_goaway_names_the_last_one_processed(rig: Rig) -> None:
    rig.knobs(goaway_after=4, latency={"median": 0.05})
    async with rig.client() as client:
        await proven(client)
        streams = [client.send(headers(), BODY) for _ in range(6)]
        await client.until(lambda: client.closed)
        assert client.goaways[0].last_stream_id == streams[2]
        assert client.goaways[0].additional_data == b'{"reason":"Shutdown"}'
        assert [client.replies[stream].status for stream in streams] == [200, 200, 200, 0, 0, 0]
    assert sorted(entry["stream"] for entry in rig.requests(status="200")) == [1, *streams[:3]]


async def test_a21_a_request_that_was_not_complete_at_the_goaway_is_not_processed(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        half = client.send(headers(), end=False)
        later = client.send(headers(), end=False)
        client.h2.ping(b"12345678")
        client.flush()
        await client.until(lambda: client.pongs)  # the server has read both
        rig.knobs(goaway_after=2)
        client.h2.send_data(half, BODY, end_stream=True)
        client.h2.send_data(later, BODY, end_stream=True)
        client.flush()
        await client.until(lambda: client.closed)
        assert (client.goaways[0].last_stream_id, client.replies[half].status) == (half, 200)
    assert [entry["stream"] for entry in rig.requests()] == [1, half]


async def test_a21_knob_nasty_the_connection_ends_right_after_the_goaway_and_answers_are_lost(rig: Rig) -> None:
    rig.knobs(goaway_after=3, goaway_mode="close", latency={"median": 0.05})
    async with rig.client() as client:
        await proven(client)
        streams = [client.send(headers(), BODY) for _ in range(3)]
        await client.until(lambda: client.closed)
        assert client.goaways[0].last_stream_id == streams[1]
        assert [client.replies[stream].ended for stream in streams] == [False, False, False]
    assert len(rig.requests(status="200")) == 3  # two of them were accepted and never answered


async def test_a21_knob_graceful_two_goaways_and_requests_between_them_are_served(rig: Rig) -> None:
    rig.knobs(goaway_after=2, goaway_mode="graceful")
    async with rig.client() as client:
        await proven(client)
        await client.request(headers(), BODY)
        await client.until(lambda: client.goaways)
        between = await client.request(headers(), BODY)
        await client.until(lambda: client.closed)
        assert between.status == 200
        assert [goaway.last_stream_id for goaway in client.goaways] == [2**31 - 1, 5]


async def test_a21_knob_an_old_connection_is_told_to_go(rig: Rig) -> None:
    rig.knobs(goaway_age=3600)
    async with rig.client() as client:
        await proven(client)
        rig.advance(minutes=59)
        assert (await client.request(headers(), BODY)).status == 200
        rig.advance(minutes=2)
        await client.until(lambda: client.closed)
        assert client.goaways[0].last_stream_id == 3


async def test_a21_knob_a_share_of_the_requests_brings_a_goaway(rig: Rig) -> None:
    rig.knobs(goaway_share=1.0)
    async with rig.client() as client:
        assert (await client.request(headers(), BODY)).status == 200
        await client.until(lambda: client.closed)
        assert client.goaways[0].last_stream_id == 1


async def test_a22_knob_a_black_holed_stream_is_never_answered_but_a_ping_is(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        rig.knobs(black_hole=1.0)
        lost = client.send(headers(), BODY)
        client.h2.ping(b"12345678")
        client.flush()
        await client.until(lambda: client.pongs)
        rig.knobs(black_hole=0.0)
        assert (await client.request(headers(), BODY)).status == 200
        assert not client.replies[lost].ended
        assert client.replies[lost].reset is None
    assert rig.requests(drop="black_hole")[0]["status"] is None


async def test_a22_knob_a_deaf_connection_answers_no_ping_either(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        rig.knobs(deaf=True)
        client.send(headers(), BODY)
        client.h2.ping(b"12345678")
        client.flush()
        with pytest.raises(TimeoutError):
            await client.until(lambda: client.pongs or client.closed, within=0.3)
    assert len(rig.requests()) == 1


async def test_a24_knob_a_client_that_reconnects_too_often_is_shut_out_for_a_while(rig: Rig) -> None:
    rig.knobs(churn_limit=3, churn_refusal=120)
    for expected in (False, False, False, True, True):
        async with rig.client() as client:
            assert client.closed is expected
    rig.advance(seconds=90)
    async with rig.client() as client:
        assert client.closed
    rig.advance(seconds=121)
    async with rig.client() as client:
        assert not client.closed


async def test_a25_priority_frames_and_any_hpack_form_are_taken(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        client.h2.prioritize(client.next_stream, weight=7)
        weighed = client.send(headers(), BODY, priority_weight=20, priority_depends_on=1, priority_exclusive=True)
        assert (await client.reply(weighed)).status == 200
        client.h2.encoder.header_table_size = 0  # a size update, then nothing but literals
        assert (await client.request(headers(), BODY)).status == 200
        client.h2.encoder.header_table_size = 4096
        client.h2.encoder.encode = _without_huffman(client)  # type: ignore[method-assign]
        assert (await client.request(headers(), BODY)).status == 200


def _without_huffman(client: Client):  # type: ignore[no-untyped-def]  # noqa: ANN202
    encode = type(client.h2.encoder).encode
    return lambda fields: encode(client.h2.encoder, fields, huffman=False)


async def test_a25_headers_above_8000_bytes_are_not_taken(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        assert (await client.request([*headers(), ("x-filler", "x" * 6000)], BODY)).status == 200
        client.send([*headers(), ("x-filler", "x" * 8000)], BODY)
        await client.until(lambda: client.closed)
    assert len(rig.requests()) == 2


async def test_a26_knob_too_many_bad_tokens_end_the_connection_and_gone_ones_do_not_count(rig: Rig) -> None:
    rig.register("ee" * 32, state="unregistered", since=1000)
    rig.knobs(error_limit=3, error_window=60)
    async with rig.client() as client:
        await proven(client)
        for _ in range(10):
            await client.request(headers("ee" * 32), BODY)
        for _ in range(2):
            await client.request(headers("cd" * 32), BODY)
        rig.advance(seconds=61)  # those are forgotten
        for _ in range(2):
            await client.request(headers("cd" * 32), BODY)
        assert not client.goaways
        await client.request(headers("cd" * 32), BODY)
        await client.until(lambda: client.closed)
        assert client.goaways[0].additional_data == b'{"reason":"BadDeviceToken"}'


async def test_a28_windows_are_opened_again_so_that_a_polite_client_never_stalls(rig: Rig) -> None:
    body = b'{"aps":{"alert":"' + b"x" * 4000 + b'"}}'
    async with rig.client() as client:
        await proven(client)
        for _ in range(40):  # 160 kB: more than twice the window of the connection
            await client.until(lambda: client.h2.outbound_flow_control_window > len(body) or client.closed)
            client.send(headers(), body)
        await client.until(lambda: all(reply.ended for reply in client.replies.values()))
        assert {reply.status for reply in client.replies.values()} == {200}


async def test_a28_a_client_that_ignores_windows_is_disconnected(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        for _ in range(300):
            client.send_whatever_the_window(headers(), b"x" * 4096)
        await client.until(lambda: client.closed)
        assert client.goaways[0].error_code == ErrorCodes.FLOW_CONTROL_ERROR


async def test_a28_answers_wait_for_the_clients_window(rig: Rig) -> None:
    async with rig.client() as client:
        client.acknowledge = False
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
        client.flush()
        stream = client.send(headers("cd" * 32), BODY)
        await client.until(lambda: client.replies[stream].body)
        await asyncio.sleep(0.05)
        assert client.replies[stream].body == b'{"reason":'
        client.h2.increment_flow_control_window(100, stream)
        client.flush()
        assert reason(await client.reply(stream)) == "BadDeviceToken"


async def test_a29_an_idle_connection_ends_with_idle_timeout_after_an_hour(rig: Rig) -> None:
    async with rig.client() as client:
        await proven(client)
        rig.advance(minutes=59)
        client.h2.ping(b"12345678")  # Apple asks for one after about an hour of silence
        client.flush()
        await client.until(lambda: client.pongs)
        rig.advance(minutes=59)
        assert not client.goaways
        rig.advance(minutes=2)
        await client.until(lambda: client.closed)
        assert client.goaways[0].additional_data == b'{"reason":"IdleTimeout"}'


async def test_a29_knob_the_next_request_after_an_idle_time_gets_400(rig: Rig) -> None:
    rig.knobs(idle_timeout=600, idle_answer="status")
    async with rig.client() as client:
        await proven(client)
        rig.advance(minutes=11)
        late = await client.request(headers(), BODY)
        assert (late.status, reason(late)) == (400, "IdleTimeout")
        assert (await client.request(headers(), BODY)).status == 200


async def test_the_next_connections_can_be_made_to_fail(rig: Rig) -> None:
    rig.knobs(refuse_connections=2)
    rig.knobs(punish=True)  # another knob does not arm it again
    for expected in (True, True, False):
        async with rig.client() as client:
            assert client.closed is expected


async def test_two_thousand_requests_a_second_are_within_reach(rig: Rig) -> None:
    """Asserts a tenth of it: a shared machine may be busy. The figure is printed."""
    async with rig.client() as client:
        await proven(client)
        began = time.perf_counter()
        for _ in range(4):
            streams = [client.send(headers(), BODY) for _ in range(500)]
            for stream in streams:
                await client.reply(stream)
        rate = 2000 / (time.perf_counter() - began)
    print(f"{rate:.0f} requests/s, client and server on one core")  # noqa: T201
    assert rate > 200
    assert rig.apns.ledger.devices()[0] == {"token": TOKEN, "accepted": 2001, "verdicts": {"200": 2001}}
