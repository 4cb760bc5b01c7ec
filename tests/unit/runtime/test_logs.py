"""Logs: one JSON line an event, and nothing in it that must not be."""

import asyncio
import io
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from shared.runtime.logs import QUEUED, TOGETHER, bound, fingerprint, open_logs

pytestmark = pytest.mark.anyio

SECRET = "planted-s3cret"


def logged(write: Callable[[structlog.stdlib.BoundLogger], object], level: str = "info") -> list[dict[str, Any]]:
    stream = io.BytesIO()
    with open_logs(service="test", level=level, stream=stream):
        write(structlog.get_logger())
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_holds_event_level_time_and_what_is_bound() -> None:
    def write(log: structlog.stdlib.BoundLogger) -> None:
        with bound(send="a1.s1"):
            log.info("chunk_done", delivered=500)
        log.info("idle")

    done, idle = logged(write)
    assert (done["event"], done["level"], done["service"], done["send"]) == ("chunk_done", "info", "test", "a1.s1")
    assert done["delivered"] == 500
    assert done["timestamp"].endswith("Z")
    assert "send" not in idle


@pytest.mark.parametrize(
    "values",
    [
        {"token": SECRET},
        {"device_token": SECRET},
        {"headers": {"Authorization": SECRET}},
        {"headers": [{"x-api-key": SECRET}]},
        {"payload": {"aps": {"alert": SECRET}}},
        {"anything": SECRET.encode()},
        {"deep": {"er": [{"password": SECRET}]}},
    ],
)
def test_what_is_named_after_a_secret_is_not_written(values: dict[str, Any]) -> None:
    (line,) = logged(lambda log: log.info("careless", **values))
    assert SECRET not in json.dumps(line)
    assert "[redacted]" in json.dumps(line)


def test_less_than_the_level_is_not_written() -> None:
    def write(log: structlog.stdlib.BoundLogger) -> None:
        log.info("quiet")
        log.warning("loud")

    assert [line["event"] for line in logged(write, level="warning")] == ["loud"]


def test_a_line_break_in_a_value_does_not_make_a_line() -> None:
    (line,) = logged(lambda log: log.info("odd", text='a\n{"event":"forged"}'))
    assert line["event"] == "odd"


def test_an_exception_is_written_with_its_way_but_without_local_values() -> None:
    def write(log: structlog.stdlib.BoundLogger) -> None:
        token = SECRET
        try:
            "".index(token)
        except ValueError:
            log.exception("failed")

    (line,) = logged(write)
    assert "ValueError" in line["exception"]
    assert SECRET not in line["exception"]


def test_what_libraries_log_comes_as_our_lines_from_warnings_up_and_is_cut_short() -> None:
    def write(_: structlog.stdlib.BoundLogger) -> None:
        logging.getLogger("some.library").info("chatter")
        logging.getLogger("some.library").warning("trouble %s", "x" * 2000)

    (line,) = logged(write)
    assert (line["event"], line["logger"], line["level"]) == ("library_log", "some.library", "warning")
    assert len(line["text"]) == 500


async def test_a_reader_that_does_not_read_blocks_nobody_and_what_was_dropped_is_counted() -> None:
    reading = threading.Event()

    class Stuck(io.BytesIO):
        def write(self, data: Any) -> int:
            reading.wait(10)
            return super().write(data)

    stream = Stuck()
    with open_logs(service="test", stream=stream):
        log = structlog.get_logger()
        began = time.monotonic()
        for number in range(QUEUED + TOGETHER + 500):
            log.info("flood", number=number)
        assert time.monotonic() - began < 8  # the reader only reads after 10
        reading.set()
        while stream.getvalue().count(b"\n") < QUEUED:  # noqa: ASYNC110  # another thread writes
            await asyncio.sleep(0.01)
        log.info("after")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[-1]["event"] == "after"
    dropped = sum(line.get("lines_dropped", 0) for line in lines)  # told by the next line that is written
    assert dropped >= 500 - 1
    assert len(lines) + dropped == QUEUED + TOGETHER + 501


@pytest.mark.timeout(20)
def test_leaving_never_waits_for_more_lines_however_the_last_ones_were_written() -> None:
    for _ in range(2000):  # the end must be met both alone and behind a line that is still queued
        stream = io.BytesIO()
        with open_logs(service="test", stream=stream):
            structlog.get_logger().info("last")
        assert stream.getvalue().count(b"\n") == 1


def test_a_fingerprint_tells_tokens_apart_and_depends_on_the_key() -> None:
    assert len(fingerprint("t1", b"k")) == 12
    assert fingerprint("t1", b"k") == fingerprint(b"t1", b"k")
    assert len({fingerprint("t1", b"k"), fingerprint("t2", b"k"), fingerprint("t1", b"other")}) == 3
