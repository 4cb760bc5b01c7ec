"""hypercorn: an ASGI application that books every request; run as a program, it is the server."""

import asyncio
import json
import sys
from collections.abc import Sequence

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from tests.interop.engine.demand import DEAD_BODY, GONE, Demand, Served, booked, large_fields
from tests.interop.engine.far_end import Place, Server


def command(demand: Demand, place: Place) -> Sequence[str]:
    given = (place.port, place.certificate, place.key, demand.json())
    return [sys.executable, "-u", "-m", "tests.interop.engine.hypercorn_server", *map(str, given)]


def served(place: Place) -> list[Served]:
    return booked(place.said.read_text())


HYPERCORN = Server("hypercorn", command, served)


class Application:
    """Reads the body, answers, books."""

    def __init__(self, demand: Demand) -> None:
        self._headers = [(b"content-type", b"application/json")]
        self._headers += [(name.encode(), value.encode()) for name, value in large_fields(demand)]

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return  # no lifespan
        size, more = 0, True
        while more:
            event = await receive()
            if event["type"] != "http.request":
                return
            size += len(event["body"])
            more = event["more_body"]
        number = scope["query_string"].decode().removeprefix("n=")
        port = scope["client"][1] if scope["client"] else 0
        status, body = (GONE, DEAD_BODY) if scope["path"] == "/dead" else (200, b"{}")
        sys.stdout.write(f"{number} {port} {status} {size}\n")
        await send({"type": "http.response.start", "status": status, "headers": self._headers, "trailers": False})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def main(port: str, certificate: str, key: str, demand_text: str) -> None:
    demand = Demand(**json.loads(demand_text))
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = certificate, key
    config.alpn_protocols = ["h2"]
    config.h2_max_concurrent_streams = demand.streams
    config.h2_max_header_list_size = 2**16
    config.keep_alive_max_requests = demand.goaway_after or 1_000_000
    config.errorlog = None
    config.graceful_timeout = 0
    asyncio.run(serve(Application(demand), config))


if __name__ == "__main__":
    main(*sys.argv[1:])
