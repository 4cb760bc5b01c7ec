"""The simulator's listener on python-hyper's h2, as a process like the others; run as a program, it is the server."""

import asyncio
import json
import ssl
import sys
from collections.abc import Sequence

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from services.simulator.exchange import Answer, Connection, Handler, Request, Reset, Response
from services.simulator.wire import serve
from tests.interop.engine.demand import (
    DEAD_BODY,
    GONE,
    REFUSED_OF_TEN,
    RESET_OF_TEN,
    Demand,
    Served,
    booked,
    large_fields,
)
from tests.interop.engine.far_end import Place, Server


def command(demand: Demand, place: Place) -> Sequence[str]:
    given = (place.port, place.certificate, place.key, demand.json())
    return [sys.executable, "-u", "-m", "tests.interop.engine.simulator_server", *map(str, given)]


def served(place: Place) -> list[Served]:
    return booked(place.said.read_text())


SIMULATOR = Server("simulator", command, served, breaks="reset_internal_error", refuses=True)


IN_FLIGHT = 0.01
"""Seconds for which requests are in flight, so that a GOAWAY finds some."""


class Booking(Handler):
    """Answers as demanded, and books."""

    def __init__(self, demand: Demand) -> None:
        self._demand = demand
        self._refused: set[int] = set()
        self._headers = (("content-type", "application/json"), *large_fields(demand))

    def settings(self, connection: Connection) -> dict[SettingCodes, int]:  # noqa: ARG002  # the handler's interface
        window = {SettingCodes.INITIAL_WINDOW_SIZE: self._demand.window} if self._demand.window else {}
        return {SettingCodes.MAX_CONCURRENT_STREAMS: self._demand.streams, **window}

    def opened(self, connection: Connection) -> None:  # noqa: ARG002  # the handler's interface
        return

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  # the same
        return

    def sweep(self, connection: Connection) -> None:  # noqa: ARG002  # the same
        return

    def answer(self, request: Request) -> Answer:
        number = int(request.path.partition("n=")[2])
        if self._demand.resets and number % 10 == REFUSED_OF_TEN and number not in self._refused:
            self._refused.add(number)
            return Reset(ErrorCodes.REFUSED_STREAM)
        broken = self._demand.resets and number % 10 == RESET_OF_TEN
        status, body = (GONE, DEAD_BODY) if request.path.startswith("/dead") else (200, b"{}")
        sys.stdout.write(f"{number} {request.connection.id} {0 if broken else status} {len(request.body)}\n")
        if request.connection.requests == self._demand.goaway_after:
            request.connection.goaway()
        after = IN_FLIGHT if self._demand.goaway_after else 0
        return Reset(ErrorCodes.INTERNAL_ERROR) if broken else Response(status, self._headers, body, after)


async def main(port: str, certificate: str, key: str, demand_text: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    async with serve(Booking(Demand(**json.loads(demand_text))), tls=context, port=int(port)):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
