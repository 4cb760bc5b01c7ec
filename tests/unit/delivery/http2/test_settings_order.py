"""Settings are acknowledged before they are used: a peer holds us to them from our acknowledgement on."""

from hyperframe.frame import DataFrame, HeadersFrame, SettingsFrame

from services.delivery.http2.frames import ErrorCode
from shared.flow.verdict import OutcomeUnknown
from tests.unit.delivery.http2.far_end import batch, outcomes, pair, settings, window


def test_a_body_that_wider_windows_let_out_follows_the_acknowledgement() -> None:
    at = pair((4, 10))
    at.send(batch(1, b"x" * 30))
    first, *rest = at.say(settings((4, 20)))
    assert isinstance(first, SettingsFrame)
    assert "ACK" in first.flags
    assert [frame.data for frame in rest if isinstance(frame, DataFrame)] == [b"x" * 10]


def test_of_several_values_in_one_frame_the_last_one_is_the_window() -> None:
    at = pair((4, 10))
    at.send(batch(1, b"x" * 30))
    frames = at.say(settings((4, 25), (4, 12), (5, 16384)))
    assert [type(frame) for frame in frames] == [SettingsFrame, DataFrame]
    assert at.far.requests[3].body == b"x" * 12
    at.say(settings((4, 30)))
    assert at.far.requests[3].ended


def test_requests_after_settings_follow_the_acknowledgement() -> None:
    at = pair((3, 1))
    at.connection.receive(settings((3, 100), (4, 2**20)), at.now)
    asked = batch(5)
    at.connection.send(asked, 0, 5, at.now)
    frames = at.far.read(at.connection.take())
    assert isinstance(frames[0], SettingsFrame)
    assert sum(isinstance(frame, HeadersFrame) for frame in frames) == 5


def test_settings_by_which_a_widened_window_overflows_end_the_connection() -> None:
    at = pair((4, 2**20))
    at.send(asked := batch(1, b"x" * 200_000))  # blocked by the connection's window, 65,525 bytes out
    at.say(window(3, 70_000))
    at.say(settings((4, 2**31 - 1)))
    assert at.far.goaway() == ErrorCode.FLOW_CONTROL_ERROR
    assert outcomes(asked) == [OutcomeUnknown("stream window overflows")]
