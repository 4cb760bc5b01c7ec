"""A service as a process: settings, signals, drain and exit code as an operator meets them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.runtime.serving import serve

pytestmark = pytest.mark.anyio

SERVICE = """
import asyncio, sys
import structlog
from shared.runtime.start import Process, start
from shared.runtime.settings import Common

async def main(process: Process[Common]) -> None:
    structlog.get_logger().info("up")
    await process.life.stopping.wait()
    await asyncio.sleep(float(sys.stdin.readline()))
    structlog.get_logger().info("drained")

start("example", Common, main, about="an example", argv=sys.argv[1:])
"""


@asynccontextmanager
async def service(*arguments: str, drains_in: float = 0.2, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVICE,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environ},
    )
    assert process.stdin is not None
    process.stdin.write(f"{drains_in}\n".encode())
    try:
        async with asyncio.timeout(30):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def up(process: asyncio.subprocess.Process) -> list[str]:
    """The events until it is up."""
    assert process.stdout is not None
    events: list[str] = []
    while "up" not in events:
        line = await process.stdout.readline()
        assert line, "it ended"
        events.append(json.loads(line)["event"])
    return events


async def test_sigterm_lets_it_finish_and_a_second_one_changes_nothing() -> None:
    async with service(drains_in=0.4) as process:
        await up(process)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, _ = await process.communicate()
        assert b"drained" in out
        assert process.returncode == 0


async def test_what_outlives_the_drain_is_ended_and_says_so() -> None:
    async with service(drains_in=20, CARILLON_DRAIN_SECONDS="0.2") as process:
        await up(process)
        process.send_signal(signal.SIGTERM)
        out, _ = await process.communicate()
        assert b"drained" not in out
        assert b"drain_deadline_passed" in out
        assert process.returncode == 1


async def test_wrong_settings_stop_the_start_with_the_variables_name() -> None:
    async with service(CARILLON_LOG_LEVLE="debug") as process:
        out, err = await process.communicate()
        assert process.returncode == 2
        assert out == b""
        assert b"CARILLON_LOG_LEVLE: there is no such setting; is CARILLON_LOG_LEVEL meant?" in err


async def test_help_tells_every_variable_and_starts_nothing() -> None:
    async with service("--help") as process:
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert b"CARILLON_TIME_SCALE" in out


async def test_its_log_is_json_from_the_first_line() -> None:
    async with service() as process:
        before = await up(process)
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
        after = [json.loads(line)["event"] for line in out.splitlines()]
        assert [*before, *after] == ["starting", "up", "stopping", "drained", "stopped"]


async def test_a_server_inside_a_process_finishes_requests_and_ends_in_time() -> None:
    entered = asyncio.Event()

    async def slow(_: Request) -> Response:
        entered.set()
        await asyncio.sleep(0.3)
        return PlainTextResponse("finished")

    async def endless(_: Request) -> Response:
        await asyncio.sleep(60)
        return PlainTextResponse("never")

    app = Starlette(routes=[Route("/slow", slow), Route("/endless", endless)])
    before = signal.getsignal(signal.SIGTERM)
    async with httpx.AsyncClient(timeout=20) as client:
        async with serve(app, host="127.0.0.1", port=0, grace=timedelta(seconds=1)) as port:
            url = f"http://127.0.0.1:{port}"
            answer = asyncio.ensure_future(client.get(f"{url}/slow"))
            given_up = asyncio.ensure_future(client.get(f"{url}/endless"))
            await entered.wait()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 30
        assert (await answer).text == "finished"
        results = await asyncio.gather(given_up, return_exceptions=True)
        assert not (isinstance(results[0], httpx.Response) and results[0].is_success)
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_taken_port_is_an_error_at_once() -> None:
    app = Starlette()
    async with serve(app, host="127.0.0.1", port=0) as port:
        with pytest.raises(OSError, match="in use"):
            async with serve(app, host="127.0.0.1", port=port):
                pass
