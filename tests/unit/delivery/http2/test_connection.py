"""What a connection makes of what a server says, rule by rule of RFC 9113."""

import pytest
from hyperframe.frame import PingFrame, SettingsFrame, WindowUpdateFrame

from services.delivery.http2.connection import PONG_WITHIN, QUIET, Connection
from services.delivery.http2.frames import ErrorCode
from shared.flow.lane import Lane
from shared.flow.verdict import Answer, ConnectionTrouble, NotProcessed, OutcomeUnknown
from tests.unit.delivery.http2.far_end import (
    NO_TABLE,
    OK,
    SETTINGS_ACK,
    SHARED,
    FarEnd,
    Pair,
    batch,
    data,
    goaway,
    headers,
    literal,
    outcomes,
    pair,
    raw,
    reset,
    settings,
    window,
)

GONE = literal(410, ("content-type", "application/json"))
REASON = b'{"reason":"Unregistered","timestamp":1454402113000}'


def answered(*streams: int) -> bytes:
    return b"".join(headers(stream, OK) for stream in streams)


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_sent_before_the_servers_settings() -> None:
    connection = Connection(b"api.example", 0, streams=100, warm_up=False)
    assert connection.room(Lane.NOW) == 0
    connection.receive(settings((3, 5)), 0)
    assert connection.room(Lane.NOW) == 5


def test_it_opens_with_a_table_of_size_zero_no_push_and_a_window_that_no_answer_fills() -> None:
    far = FarEnd()
    far.read(Connection(b"api.example", 0, streams=100, warm_up=False).take())
    said, widened = far.frames
    assert isinstance(said, SettingsFrame)
    assert said.settings[1] == said.settings[2] == 0
    assert said.settings[4] == 2**30
    assert isinstance(widened, WindowUpdateFrame)
    assert widened.window_increment == 2**30 - 65535


def test_requests_are_what_was_asked() -> None:
    at = pair()
    asked = batch(3, [b"one", b"", b"three"])
    at.send(asked)
    found = [at.far.requests[stream] for stream in (3, 5, 7)]
    assert [request.body for request in found] == [b"one", b"", b"three"]
    assert all(request.ended for request in found)
    assert found[2].fields == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"api.example"),
        (b":path", b"/3/device/00000002"),
        *SHARED,
        (b"apns-id", b"id-000002"),
    ]


def test_a_server_that_does_not_begin_with_settings_is_left() -> None:
    at = Pair(Connection(b"api.example", 0, streams=100, warm_up=False), FarEnd())
    at.say(raw(6, 0, 0, b"12345678"))
    assert at.far.goaway() == ErrorCode.PROTOCOL_ERROR
    assert at.connection.dead


def test_settings_that_never_come_end_the_connection() -> None:
    at = Pair(Connection(b"api.example", 0, streams=100, warm_up=False), FarEnd(), now=0)
    at.wait(11)
    assert at.connection.dead == "no_settings"


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_successes_are_known_by_one_byte() -> None:
    at, asked = pair(), batch(3)
    at.send(asked)
    at.say(answered(3, 5, 7))
    assert outcomes(asked) == [200, 200, 200]
    assert sum(asked.latency) == 3


@pytest.mark.parametrize("block", [b"\x08\x03200", b"\x08\x82\x10\x01", b"\x18\x03200", literal(200, ("apns-id", "x"))])
def test_a_literal_200_is_a_success_too(block: bytes) -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(headers(3, block))
    assert outcomes(asked) == [200]


def test_a_200_with_a_json_body_is_a_success_however_it_is_cut() -> None:
    at, asked = pair(), batch(4)
    at.send(asked)
    at.say(headers(3, OK, ends=False), data(3, b'{"name":"x"}'))
    at.say(headers(5, OK, ends=False), data(5, b'{"na', ends=False), data(5, b'me":"x"}'))
    at.say(headers(7, OK, ends=False), data(7, b'{"name":"x"}', ends=False), data(7, b""))
    at.say(
        headers(9, OK, ends=False),
        data(9, b'{"name":"x"}', ends=False),
        headers(9, literal(200)[1:] or b"\x10\x01a\x01b"),
    )
    assert outcomes(asked) == [200, 200, 200, 200]


def test_a_200_that_is_a_web_page_is_handed_on_as_an_answer() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(headers(3, OK, ends=False), data(3, b"<html>log in"))
    assert asked.failures == [(0, Answer(200, {}, b"<html>log in", 0.0))]


def test_what_a_success_says_is_kept_where_it_is_wanted_however_it_is_cut() -> None:
    at, asked, other = pair(), batch(4, keep=True), batch(2)
    at.send(asked)
    at.send(other)
    at.say(headers(3, OK, ends=False), headers(11, OK, ends=False), data(11, b'{"name":"other"}'))
    at.say(data(3, b'{"name":"a"}'), headers(13, OK))
    at.say(headers(5, OK, ends=False), data(5, b'{"na', ends=False), data(5, b'me":"b"}'))
    at.say(headers(7, OK, ends=False), data(7, b'{"name":"c"}', ends=False), data(7, b""))
    at.say(headers(9, literal(200), ends=False), data(9, b'{"name":"d"}'))
    assert outcomes(asked) == [200, 200, 200, 200]
    assert asked.kept == {n: b'{"name":"%s"}' % bytes([name]) for n, name in enumerate(b"abcd")}
    assert outcomes(other) == [200, 200]
    assert other.kept is None


def test_failures_among_what_is_kept_are_failures() -> None:
    at, asked = pair(), batch(4, keep=True)
    at.send(asked)
    at.say(headers(3, GONE, ends=False), data(3, REASON), reset(5, 7), headers(7, OK))
    at.say(headers(9, OK, ends=False), data(9, b"<html>"))
    gone, refused, fine, page = outcomes(asked)
    assert isinstance(gone, Answer)
    assert isinstance(refused, NotProcessed)
    assert fine == 200
    assert isinstance(page, Answer)
    assert (page.status, page.body, asked.kept) == (200, b"<html>", {})


def test_an_error_comes_with_status_fields_body_and_time() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.now += 0.5
    at.say(headers(3, GONE, ends=False), data(3, REASON[:20], ends=False), data(3, REASON[20:]), answered(5))
    assert asked.failures == [(0, Answer(410, {"content-type": "application/json"}, REASON, 0.5))]
    assert asked.delivered == 1


def test_fields_come_with_their_names_in_lower_case_and_their_values_as_they_are() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(headers(3, literal(503, ("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"))))
    assert outcomes(asked) == [Answer(503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", 0.0)]


def test_answers_before_the_table_is_gone_are_read_in_step_with_it() -> None:
    at, asked = pair(plain=False), batch(4)
    at.send(asked)
    insert, use = b"\x88\x40\x07apns-id\x03one", b"\x88\xbe"
    at.say(headers(1, insert), headers(3, use), headers(5, use), headers(7, NO_TABLE + b"\x88"))
    assert outcomes(asked) == [200, 200, 200, 200]
    at.send(more := batch(1))
    at.say(headers(9, b"\x88\xbe"))
    assert outcomes(more) == [200]


def test_a_table_size_above_ours_once_it_is_acknowledged_ends_the_connection() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(headers(3, b"\x3f\xe1\x1f\x88"))
    assert at.far.goaway() == ErrorCode.COMPRESSION_ERROR
    assert outcomes(asked) == [OutcomeUnknown("header block cannot be read")]


def test_informational_answers_are_not_the_answer() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(headers(3, literal(103, ("link", "x")), ends=False), headers(3, literal(100), ends=False))
    assert outcomes(asked) == [None]
    at.say(answered(3))
    assert outcomes(asked) == [200]


def test_padding_and_priority_are_seen_through() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(raw(1, 0x2D, 3, b"\x02" + b"\0\0\0\0\x10" + OK + b"\0\0"))
    at.say(raw(1, 0x2C, 5, b"\x01" + b"\0\0\0\0\x10" + GONE + b"\0"), raw(0, 0x9, 5, b"\x03" + REASON + b"\0\0\0"))
    assert outcomes(asked)[0] == 200
    assert asked.failures[0][1] == Answer(410, {"content-type": "application/json"}, REASON, 0.0)


def test_a_block_may_come_in_many_pieces() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    pieces = [raw(9, 0, 3, GONE[n : n + 1]) for n in range(1, len(GONE))]
    at.say(raw(1, 1, 3, GONE[:1]), *pieces, raw(9, 4, 3))
    assert outcomes(asked) == [Answer(410, {"content-type": "application/json"}, b"", 0.0)]


def test_nothing_may_come_between_the_pieces_of_a_block() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(raw(1, 1, 3, GONE[:1]), answered(5))
    assert at.far.goaway() == ErrorCode.PROTOCOL_ERROR
    assert outcomes(asked) == [OutcomeUnknown("header block interrupted")] * 2


def test_a_block_without_end_is_given_up() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(raw(1, 1, 3, b""), *[raw(9, 0, 3) for _ in range(8000)])
    assert at.far.goaway() == ErrorCode.ENHANCE_YOUR_CALM


def test_an_answer_without_a_status_breaks_its_stream_only() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(headers(3, b"\x10\x01a\x01b"), answered(5))
    assert outcomes(asked) == [OutcomeUnknown("stream_protocol_error"), 200]
    assert at.far.resets() == {3: ErrorCode.PROTOCOL_ERROR}


def test_a_body_without_headers_breaks_its_stream_only() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(data(3, b"x"), answered(5))
    assert outcomes(asked) == [OutcomeUnknown("stream_protocol_error"), 200]


def test_an_endless_body_is_cut() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(headers(3, GONE, ends=False), *[data(3, b"x" * 16384, ends=False) for _ in range(5)])
    (failure,) = outcomes(asked)
    assert isinstance(failure, Answer)
    assert len(failure.body) == 65536
    assert at.far.resets() == {3: ErrorCode.CANCEL}
    assert at.connection.usable


def test_what_was_received_is_given_back_to_the_window() -> None:
    at = pair()
    given = 0
    for _ in range(600):
        asked = batch(64, b"")
        at.send(asked)
        first = max(at.far.requests) - 126
        body = b"x" * 16384
        for stream in range(first, first + 128, 2):
            replies = at.say(headers(stream, GONE, ends=False), data(stream, body))
            given += sum(f.window_increment for f in replies if isinstance(f, WindowUpdateFrame))
        at.far.requests.clear()
        at.far.frames.clear()
    assert given >= 2**29


# ── resets, GOAWAY ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_stream_certainly_was_not_processed() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(reset(3, ErrorCode.REFUSED_STREAM))
    assert outcomes(asked) == [NotProcessed("refused_stream")]
    assert at.connection.suspect


@pytest.mark.parametrize("code", [ErrorCode.NO_ERROR, ErrorCode.INTERNAL_ERROR, ErrorCode.CANCEL, 4711])
def test_a_reset_without_a_whole_answer_is_no_success(code: int) -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(reset(3, code), headers(5, OK, ends=False), reset(5, code))
    assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes(asked))


def test_a_reset_after_a_whole_answer_is_no_failure() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(answered(3), reset(3, ErrorCode.NO_ERROR), headers(5, GONE), reset(5, ErrorCode.NO_ERROR))
    assert outcomes(asked) == [200, Answer(410, {"content-type": "application/json"}, b"", 0.0)]
    assert at.connection.usable


def test_goaway_lets_the_lower_streams_finish_and_frees_the_higher_ones() -> None:
    at, asked = pair(), batch(4)
    at.send(asked)
    at.say(goaway(5, debug=b'{"reason":"Shutdown"}'))
    assert asked.failures == [(2, NotProcessed("Shutdown")), (3, NotProcessed("Shutdown"))]
    assert not at.connection.usable
    assert at.connection.room(Lane.NOW) == 0
    at.say(answered(3))
    assert at.connection.in_flight == 1
    at.say(answered(5))
    assert at.connection.finished
    assert asked.left == 0


def test_of_two_goaways_the_smaller_last_stream_counts() -> None:
    at, asked = pair(), batch(3)
    at.send(asked)
    at.say(goaway(2**31 - 1))
    assert asked.failures == []
    at.say(goaway(3), goaway(7))
    assert [index for index, _ in asked.failures] == [1, 2]


def test_a_goaway_because_of_too_many_streams_says_so() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(goaway(0, ErrorCode.ENHANCE_YOUR_CALM))
    assert outcomes(asked) == [NotProcessed("goaway_enhance_your_calm", ConnectionTrouble.TOO_MANY_STREAMS)]
    assert at.connection.too_many_streams


def test_what_a_goaway_left_in_flight_is_unknown_when_tcp_ends() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(goaway(3))
    at.connection.lost("connection_lost", at.now)
    assert outcomes(asked) == [OutcomeUnknown("connection_lost"), NotProcessed("goaway_no_error")]


# ── limits, windows, table ───────────────────────────────────────────────────────────────────────────────────────


def test_the_stream_limit_is_followed_as_it_changes() -> None:
    at = pair((3, 10))
    assert at.connection.room(Lane.NOW) == 10
    at.send(asked := batch(10, lane=Lane.NOW))
    assert at.connection.room(Lane.NOW) == 0
    at.say(settings((3, 1)), answered(3, 5))
    assert at.connection.room(Lane.NOW) == 0
    at.say(answered(7, 9, 11, 13, 15, 17, 19, 21))
    assert outcomes(asked) == [200] * 10
    assert at.connection.room(Lane.NOW) == 1
    at.say(settings((3, 0)))
    assert at.connection.room(Lane.NOW) == 0
    at.say(settings((3, 2**32 - 1)))
    assert at.connection.room(Lane.NOW) == 600


def test_a_new_connection_takes_all_its_streams_into_use_within_a_minute() -> None:
    at = pair((3, 2**32 - 1))
    assert at.connection.room(Lane.NOW) == 600
    at.wait(30)
    at.say(raw(6, 1, 0, b"carillon"))
    assert at.connection.room(Lane.NOW) == 800
    at.wait(30)
    assert at.connection.room(Lane.NOW) == 1000


def test_some_streams_are_kept_for_the_lane_now() -> None:
    at = pair((3, 100))
    assert at.connection.room(Lane.BULK) == 90
    at.send(batch(90))
    assert at.connection.room(Lane.BULK) == 0
    assert at.connection.room(Lane.NOW) == 10
    at.say(settings((3, 1)))
    assert pair((3, 1)).connection.room(Lane.BULK) == 1
    assert pair((3, 2)).connection.room(Lane.BULK) == 1


def test_one_request_at_a_time_until_the_credentials_are_accepted() -> None:
    at = pair((3, 100), warm_up=True, plain=False)
    at.send(first := batch(3, lane=Lane.NOW))
    assert at.connection.room(Lane.NOW) == 0
    at.say(headers(1, NO_TABLE + literal(403)))
    assert at.connection.room(Lane.NOW) == 1
    at.send(first)
    at.say(headers(3, literal(410)))
    assert at.connection.room(Lane.NOW) == 100


def test_no_more_is_sent_than_the_connection_window_lets() -> None:
    at = pair()
    body = b"x" * 1000
    at.say(window(0, 35))  # 65,535 less the 10 bytes of the first request, and a little more
    at.send(asked := batch(200, body))
    assert sum(len(r.body) for r in at.far.requests.values()) <= 65570
    assert asked.taken == 65
    at.say(window(0, 1000))
    at.send(asked)
    assert asked.taken == 66
    at.say(window(0, 2**20))
    at.send(asked)
    assert asked.taken == 200


def test_bodies_of_different_sizes_fill_the_window_in_their_order() -> None:
    at = pair()
    at.send(asked := batch(30, [b"x" * (100 * n + 1000) for n in range(30)]))
    assert 0 < asked.taken < 30
    sent = [r.body for r in at.far.requests.values()][1:]
    assert [len(b) for b in sent] == [100 * n + 1000 for n in range(asked.taken)]
    assert sum(map(len, sent)) + 10 <= 65535


def test_a_small_stream_window_sends_a_body_in_pieces() -> None:
    at = pair((4, 10))
    at.send(asked := batch(2, b"0123456789abcdefghij!"))
    assert [r.body for r in at.far.requests.values()][1:] == [b"0123456789"] * 2
    at.say(window(5, 10))
    at.say(window(5, 1))
    assert at.far.requests[5].body == b"0123456789abcdefghij!"
    assert [at.far.requests[stream].ended for stream in (3, 5)] == [False, True]
    at.say(settings((4, 5)))
    at.say(window(3, 5))
    assert at.far.requests[3].body == b"0123456789"
    at.say(window(3, 1))
    assert at.far.requests[3].body == b"0123456789a"
    at.say(settings((4, 100)))
    assert at.far.requests[3].ended
    at.say(answered(3, 5))
    assert outcomes(asked) == [200, 200]


def test_an_answer_before_the_whole_body_is_out_stops_it() -> None:
    at = pair((4, 10))
    at.send(asked := batch(1, b"x" * 30))
    at.say(headers(3, literal(413)))
    assert outcomes(asked) == [Answer(413, {}, b"", 0.0)]
    assert at.far.resets() == {3: ErrorCode.NO_ERROR}
    at.say(window(3, 100))
    assert at.far.requests[3].body == b"x" * 10


def test_a_body_larger_than_every_window_goes_out_as_they_open() -> None:
    at = pair()
    body = bytes(range(256)) * 800
    at.send(batch(1, body))
    for _ in range(20):
        at.say(window(0, 20_000), window(3, 20_000))
    assert at.far.requests[3].body == body
    assert at.far.requests[3].ended


@pytest.mark.parametrize("size", [16384, 20000])
def test_bodies_are_cut_to_the_frame_size(size: int) -> None:
    at = pair((5, size), (4, 2**20))
    at.say(window(0, 2**20))
    at.send(batch(1, b"x" * 50_000))
    assert at.far.requests[3].body == b"x" * 50_000
    assert max(f.body_len for f in at.far.frames) <= size


def test_a_block_larger_than_a_frame_continues() -> None:
    at = pair()
    wide = (b"x-wide", b"y" * 40_000)
    at.send(asked := batch(2, shared=(*SHARED, wide)))
    assert at.far.requests[5].field(b"x-wide") == wide[1]
    assert at.far.requests[5].body == b'{"aps":{}}'
    at.say(answered(3, 5))
    assert outcomes(asked) == [200, 200]


def test_a_header_table_of_zero_is_respected() -> None:
    at = pair((1, 0))
    at.send(batch(5))
    assert at.far.requests[11].field(b"authorization") == SHARED[0][1]
    at = pair()
    at.send(batch(2))
    at.far.decoder.max_allowed_table_size = 0
    at.say(settings((1, 0)))
    at.send(batch(2))
    assert at.far.requests[9].field(b"authorization") == SHARED[0][1]


def test_a_window_that_overflows_ends_the_connection_or_the_stream() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(window(0, 2**31 - 1))
    assert at.far.goaway() == ErrorCode.FLOW_CONTROL_ERROR
    at = pair((4, 10))
    at.send(asked := batch(2, b"x" * 100_000))
    at.say(window(3, 2**31 - 1), window(3, 2**31 - 1))
    assert at.far.resets() == {3: ErrorCode.FLOW_CONTROL_ERROR}
    assert asked.failures == [(0, OutcomeUnknown("stream_flow_control_error"))]
    assert at.connection.usable


def test_stream_ids_end_and_the_connection_with_them() -> None:
    at = pair()
    at.connection._outbound.next_stream = 2**31 - 5
    assert at.connection.room(Lane.NOW) == 3
    at.send(asked := batch(10, lane=Lane.NOW))
    assert asked.taken == 3
    assert not at.connection.usable
    at.say(answered(2**31 - 5, 2**31 - 3, 2**31 - 1))
    assert at.connection.finished


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_without_an_answer_is_cancelled_at_its_deadline() -> None:
    at, asked = pair(), batch(3)
    at.send(asked)
    at.say(answered(3), headers(5, OK, ends=False))
    at.wait(29.5)
    assert asked.left == 2
    at.wait(1)
    assert outcomes(asked) == [200, OutcomeUnknown("timeout"), OutcomeUnknown("timeout")]
    assert at.far.resets() == {5: ErrorCode.CANCEL, 7: ErrorCode.CANCEL}
    at.say(data(5, b"late"), answered(7))
    assert at.connection.usable
    assert outcomes(asked) == [200, OutcomeUnknown("timeout"), OutcomeUnknown("timeout")]


def test_a_batch_may_have_a_deadline_of_its_own() -> None:
    at = pair()
    at.send(hasty := batch(1, timeout=2.0))
    at.send(patient := batch(1))
    at.wait(2.5)
    assert outcomes(hasty) == [OutcomeUnknown("timeout")]
    assert outcomes(patient) == [None]


def test_what_is_answered_is_let_go_of_before_its_deadline() -> None:
    at = pair()
    for _ in range(50):
        at.send(asked := batch(10))
        at.say(answered(*[s for s in at.far.requests if s > 1]))
        assert outcomes(asked) == [200] * 10
        at.far.requests.clear()
    assert not any(at.connection._streams._due.values())
    assert not at.connection._streams.open


def test_a_quiet_peer_is_asked_and_left_if_it_does_not_answer() -> None:
    at, asked = pair(), batch(1, timeout=300.0)
    at.send(asked)
    at.wait(QUIET)
    assert ["ACK" in f.flags for f in at.far.frames if isinstance(f, PingFrame)] == [False]
    at.wait(PONG_WITHIN)
    assert at.connection.dead == "no_pong"
    assert outcomes(asked) == [OutcomeUnknown("no_pong")]


def test_a_peer_that_answers_our_ping_is_kept() -> None:
    at, asked = pair(), batch(1, timeout=300.0)
    at.send(asked)
    at.wait(QUIET)
    (ping,) = [f for f in at.far.frames if isinstance(f, PingFrame)]
    at.say(raw(6, 1, 0, ping.opaque_data))
    at.wait(PONG_WITHIN)
    assert at.connection.usable


def test_an_idle_connection_is_asked_after_an_hour_only() -> None:
    at = pair()
    at.wait(3500)
    assert not [f for f in at.far.frames if isinstance(f, PingFrame)]
    at.wait(200)
    assert [f for f in at.far.frames if isinstance(f, PingFrame)]


def test_a_ping_is_answered() -> None:
    at = pair()
    (pong,) = at.say(raw(6, 0, 0, b"12345678"))
    assert isinstance(pong, PingFrame)
    assert pong.opaque_data == b"12345678"
    assert "ACK" in pong.flags


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────

P, F, C = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR, ErrorCode.COMPRESSION_ERROR
WRONG = {
    "push": (raw(5, 4, 3, b"\0\0\0\2\x88"), P),
    "settings on a stream": (raw(4, 0, 1), P),
    "settings of a wrong size": (raw(4, 0, 0, b"12345"), F),
    "an acknowledgement with a payload": (raw(4, 1, 0, b"123456"), F),
    "an initial window too large": (settings((4, 2**31)), ErrorCode.FLOW_CONTROL_ERROR),
    "a frame size too small": (settings((5, 100)), P),
    "a server that enables push": (settings((2, 1)), P),
    "ping of a wrong size": (raw(6, 0, 0, b"1"), F),
    "ping on a stream": (raw(6, 0, 3, b"12345678"), P),
    "goaway of a wrong size": (raw(7, 0, 0, b"1234"), F),
    "goaway on a stream": (raw(7, 0, 3, b"12345678"), P),
    "window update by nothing": (window(0, 0), P),
    "window update of a wrong size": (raw(8, 0, 0, b"123"), F),
    "window update on an idle stream": (window(99, 1), P),
    "reset of a wrong size": (raw(3, 0, 3, b"123"), F),
    "reset on an idle stream": (reset(99, 0), P),
    "reset on stream 0": (reset(0, 0), P),
    "headers on an idle stream": (headers(99, OK), P),
    "headers on a server's stream": (headers(2, OK), P),
    "headers on stream 0": (headers(0, OK), P),
    "data on stream 0": (data(0, b"x"), P),
    "data on an idle stream": (data(99, b"x"), P),
    "too much padding": (raw(1, 0xD, 3, b"\x05\x88"), P),
    "padding without a length": (raw(0, 0x9, 3, b""), F),
    "a priority that is cut": (raw(1, 0x25, 3, b"\0\0"), F),
    "priority on stream 0": (raw(2, 0, 0, b"12345"), P),
    "continuation of nothing": (raw(9, 4, 3, OK), P),
    "a frame too large": (raw(0, 0, 3, b"x" * 16385), F),
    "a frame too large that looks like a success": (raw(1, 5, 3, b"\x88" * 16385), F),
    "a block that cannot be read": (headers(3, b"\xff\xff\xff\xff\xff\xff"), C),
    "an index into nothing": (headers(3, b"\xc0"), C),
    "a string that is cut": (headers(3, b"\x08\x7fx"), C),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_server_must_not_say_ends_the_connection_with_the_right_code(name: str) -> None:
    said, code = WRONG[name]
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(said)
    assert at.far.goaway() == code
    assert at.connection.dead
    assert isinstance(outcomes(asked)[0], OutcomeUnknown)
    assert at.say(answered(3)) == []


def test_what_is_unknown_is_ignored() -> None:
    at, asked = pair(), batch(1)
    at.send(asked)
    at.say(raw(0xA, 0xFF, 0, b"alt"), raw(0x42, 0, 3, b"what"), settings((0x99, 5)), raw(2, 0, 3, b"\0\0\0\0\x01"))
    at.say(answered(3))
    assert outcomes(asked) == [200]


def test_the_reserved_bit_of_a_stream_is_ignored() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(headers(3 | 1 << 31, OK), headers(5 | 1 << 31, GONE))
    assert outcomes(asked) == [200, Answer(410, {"content-type": "application/json"}, b"", 0.0)]


def test_a_success_that_is_said_twice_counts_once() -> None:
    at, asked = pair(), batch(2)
    at.send(asked)
    at.say(answered(3, 3, 3))
    assert asked.left == 1
    assert at.connection.usable


def test_a_peer_that_makes_us_answer_without_reading_is_left() -> None:
    at = pair()
    for _ in range(11):
        at.connection.receive(raw(6, 0, 0, b"12345678") * 1000, at.now)
    assert at.connection.dead


def test_a_client_that_acknowledges_nothing_else_is_read_slowly_but_rightly() -> None:
    at = pair(plain=False)
    at.say(SETTINGS_ACK)
    at.send(asked := batch(3))
    at.say(answered(1, 3), headers(5, b"\x88\x40\x01a\x01b"))
    assert outcomes(asked) == [200, 200, 200]
