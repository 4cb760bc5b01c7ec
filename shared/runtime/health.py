"""What a process tells about itself over HTTP: alive, ready, its metrics, its version."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.runtime.metrics import CONTENT_TYPE, Metrics
from shared.runtime.version import VERSION

LIMIT: Final = timedelta(seconds=3)
"""For each check; a probe's own time limit should be longer."""

Check = Callable[[], Awaitable[object]]
"""Returns if what it asks is well, raises if not."""


def routes(
    checks: Mapping[str, Check], metrics: Metrics, *, draining: Callable[[], bool], limit: timedelta = LIMIT
) -> list[Route]:
    """/healthz (the process answers), /readyz (all checks well and not draining), /metrics, /version."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        found = dict(zip(checks, await asyncio.gather(*(_asked(c, limit) for c in checks.values())), strict=True))
        ready = not draining() and all(state["ok"] for state in found.values())
        return _json({"ready": ready, "draining": draining(), "checks": found}, 200 if ready else 503)

    async def measures(_: Request) -> Response:
        await metrics.asked()
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    async def version(_: Request) -> Response:
        return _json({"version": VERSION})

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": measures, "/version": version}
    return [Route(path, page) for path, page in pages.items()]


def health_app(
    checks: Mapping[str, Check], metrics: Metrics, *, draining: Callable[[], bool], limit: timedelta = LIMIT
) -> Starlette:
    """An app of these routes alone, for services without an HTTP door; run it with `serving.serve`."""
    return Starlette(routes=routes(checks, metrics, draining=draining, limit=limit))


async def _asked(check: Check, limit: timedelta) -> dict[str, Any]:
    began = time.monotonic()
    error = ""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await check()
    except TimeoutError:
        error = f"no answer within {limit.total_seconds():g} s"
    except Exception as failure:  # noqa: BLE001  # whichever way it fails, it is not well
        error = type(failure).__name__  # never its text: it may name hosts and users, and anyone may ask
    state: dict[str, Any] = {"ok": not error, "seconds": round(time.monotonic() - began, 4)}
    return state | ({"error": error} if error else {})


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json", headers={"cache-control": "no-store"})
