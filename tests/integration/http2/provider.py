"""A provider's far end on the simulator's listener: counts what came, answers as it is told."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from h2.settings import SettingCodes

from services.delivery.http2.engine import Engine, open_engine
from services.delivery.transport.contract import Parcel
from services.simulator.certificates import Authority
from services.simulator.exchange import Answer, Connection, Handler, Request, Response
from services.simulator.wire import Server, serve
from shared.flow.lane import Lane
from shared.flow.verdict import Outcome
from shared.providers.contract import Headers, Origin, Requests

AUTHORITY = Authority()  # one for all tests: making keys takes time
HEADERS: Headers = (("authorization", "bearer x"), ("apns-topic", "com.example.app"), ("apns-push-type", "alert"))
BODY = b'{"aps":{"alert":"hello"}}'


class Provider(Handler):
    """Delivers everything, unless a subclass knows better."""

    def __init__(self, **settings: int) -> None:
        self.delivered: Counter[str] = Counter()
        self.connections: set[int] = set()
        self.most_in_flight = 0
        self._settings = {SettingCodes[name.upper()]: value for name, value in settings.items()}

    def settings(self, connection: Connection) -> dict[SettingCodes, int]:
        self.connections.add(connection.id)
        return self._settings

    def opened(self, connection: Connection) -> None:  # noqa: ARG002  # for subclasses
        return

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  # the same
        return

    def sweep(self, connection: Connection) -> None:  # noqa: ARG002  # the same
        return

    def answer(self, request: Request) -> Answer:
        self.most_in_flight = max(self.most_in_flight, request.connection.in_flight)
        answer = self.decide(request)
        if isinstance(answer, Response) and answer.status == 200:
            self.delivered[request.path] += 1
        return answer

    def decide(self, request: Request) -> Answer:
        return Response(200, (("apns-id", request.header("apns-id") or ""),))


@dataclass
class Rig:
    """An engine and the server that it speaks to."""

    engine: Engine
    server: Server
    origin: Origin

    def parcel(
        self, count: int, *, first: int = 0, lane: Lane = Lane.BULK, fresh: bool = False, body: bytes = BODY
    ) -> Parcel:
        numbers = range(first, first + count)
        paths = [f"/3/device/{n:064x}" for n in numbers]
        ids = [f"eabc0000-0000-0000-0000-{n:012x}" for n in numbers]
        return Parcel(self.origin, HEADERS, Requests(count, paths, body, ids, "apns-id"), lane, fresh)

    async def outcomes(self, parcel: Parcel) -> list[Outcome | int]:
        """200 for every success, else the outcome."""
        (results,) = await self.engine.send([parcel])
        others = dict(results.others)
        assert len(others) == len(results.others)
        assert results.ok + len(others) == parcel.requests.count
        return [others.get(n, 200) for n in range(parcel.requests.count)]


@asynccontextmanager
async def rigged(
    handler: Handler,
    tmp_path: Path,
    *,
    warm_up: bool = False,
    scale: float = 20,
    connections: int = 4,
    streams: int = 1000,
) -> AsyncIterator[Rig]:
    """`scale`: the engine's waits between connects are that much shorter."""
    ca_file = tmp_path / "ca.pem"
    AUTHORITY.write(ca_file)
    async with (
        serve(handler, tls=AUTHORITY.server_context(("h2",))) as server,
        open_engine(ca_file, environ={}, scale=scale, connections=connections, streams=streams) as engine,
    ):
        yield Rig(engine, server, Origin("localhost", server.port, "team", warm_up=warm_up))
