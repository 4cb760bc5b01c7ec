"""The library transport on aioapns: a yardstick with known faults, held in bounds from outside.

* it resends by itself what a lost connection had in flight: one attempt only, and what is lost is an unknown outcome;
* it assumes 1,000 streams and ignores windows: a gate lets through what the peer allows, one until the first answer;
* it forgets most of what a raised stream limit grants on a cold connection: its count of free streams is replaced;
* it never returns flow-control credit, so a connection hangs after 65,535 bytes of errors: replaced well before;
* it loses resets and errors without a body: a timer ends the wait, and the connection is replaced.

It makes headers from fields and drops what it does not know, `Retry-After` among it. It knows no broadcasts: they are
answered here like a path that does not exist.

Long, because all that knows aioapns, its faults included, is in this one file.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Final

from aioapns import NotificationRequest
from aioapns.connection import (
    APNsBaseConnectionPool,
    APNsTLSClientProtocol,
    AuthorizationHeaderProvider,
    ChannelPool,
)
from aioapns.exceptions import MaxAttemptsExceeded

from services.delivery.transport.contract import REQUEST_TIMEOUT, Parcel, Results, results_of
from services.delivery.transport.tls import client_context, trouble
from shared.flow.lane import Lane
from shared.flow.verdict import Answer, NotProcessed, Outcome, OutcomeUnknown
from shared.providers.apns.payload import PATH
from shared.providers.contract import Headers, Origin, Request

IN_FLIGHT: Final = 100
BULK_IN_FLIGHT: Final = 80
"""The others are kept for the lane `now`, which would else wait behind all that bulk has asked for."""
ERRORS_A_CONNECTION: Final = 500
"""An error body has about 60 bytes; a connection hangs when 65,535 bytes of them have come in."""
CLOSED_WITHIN: Final = 0.5
"""Seconds until what a closed connection had in flight has ended; cancelled sooner, it would trip aioapns up."""
LOOK_AGAIN: Final = 0.002
"""Seconds between looks at whether the peer allows another request: aioapns tells nobody."""


class _Authorization(AuthorizationHeaderProvider):
    """Hands aioapns our authorization, which all replicas share, instead of one that it makes per connection."""

    value = ""

    def get_header(self) -> str:
        return self.value


class _Channels(ChannelPool):
    """Free streams. aioapns' own loses those that a raised limit grants while none is free, and stays at two."""

    @property
    def bound(self) -> int:
        return int(self._bound_value)

    @bound.setter
    def bound(self, limit: int) -> None:
        self._value += limit - self._bound_value
        self._bound_value = limit


class _Protocol(APNsTLSClientProtocol):
    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.free_channels = _Channels(self.free_channels.bound)


class _Until(int):
    """A moment where aioapns wants a span: it adds the time at which it writes the header, and 0 must stay 0."""

    def __radd__(self, now: int) -> int:  # of a subclass, so it goes before int's own addition
        return int(self)


class _Pool(APNsBaseConnectionPool):
    """One connection to one origin, with our TLS context, host, port and authorization."""

    def __init__(self, origin: Origin, ca_file: Path | None) -> None:
        super().__init__(topic="", max_connections=1, max_connection_attempts=1)
        self.ssl_context = client_context(origin, ca_file, "h2")
        where = {"APNS_SERVER": origin.host, "APNS_PORT": origin.port, "INACTIVITY_TIME": 3600}
        self.protocol_class = type("Protocol", (_Protocol,), where)
        self.authorization = _Authorization()
        self.failure: BaseException | None = None
        self.used = False

    async def create_connection(self) -> Any:  # aioapns' own type is not exported
        provider = self.authorization if self.authorization.value else None
        lost: Any = self.discard_connection
        make = partial(self.protocol_class, "", self.loop, lost, provider)
        host, port = self.protocol_class.APNS_SERVER, self.protocol_class.APNS_PORT
        try:
            _, protocol = await self.loop.create_connection(make, host, port, ssl=self.ssl_context)
        except OSError as error:
            self.failure = error
            raise
        self.used = True
        return protocol


class _Connection:
    """One connection and its gate. Replaced, never reopened."""

    def __init__(self, origin: Origin, ca_file: Path | None) -> None:
        self._pool = _Pool(origin, ca_file)
        self._gate = asyncio.Lock()
        self._answered = False
        self._in_flight = 0
        self._errors = 0
        self._retired = False
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._late: set[asyncio.Task[Outcome]] = set()

    @property
    def usable(self) -> bool:
        """Whether new requests may go this way."""
        lost = self._pool.used and not self._pool.connections
        return not (self._retired or lost or self._pool.failure)

    async def send(self, headers: Headers, request: Request) -> Outcome | None:
        """One outcome; None if the connection was retired before the request went out.

        A late request is left to itself: cancelling it would make aioapns drop the connection.
        """
        async with self._gate:
            await self._room(len(request.body))
            if self._retired:
                return None
            self._in_flight += 1
            self._pool.authorization.value = dict(headers).get("authorization", "")
            task = asyncio.ensure_future(self._ask(headers, request))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        await asyncio.wait({task}, timeout=REQUEST_TIMEOUT.total_seconds())
        if not task.done():
            self._late.add(task)
            self.retire()
            return OutcomeUnknown("timeout")
        outcome = task.result()
        if isinstance(outcome, Answer):
            self._answered = True
            self._errors += outcome.status != 200  # noqa: PLR2004  # the status that is no error
            if self._errors >= ERRORS_A_CONNECTION:
                self.retire()
        return outcome

    async def _room(self, size: int) -> None:
        """Waits until the peer allows one more stream and so many bytes."""
        while self._in_flight and not self._retired:
            connection = self._pool.connections[0] if self._pool.connections else None
            if self._pool.used and connection is None:
                return
            if connection is not None and self._answered:
                allowed = min(IN_FLIGHT, connection.free_channels.bound)
                if self._in_flight < allowed and connection.conn.outbound_flow_control_window >= 2 * size:
                    return
            await asyncio.sleep(LOOK_AGAIN)

    def _done(self, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        self._late.discard(task)
        self._in_flight -= 1
        if self._retired:
            self._close_if_idle()

    def retire(self) -> None:
        """No new requests; closed when nothing is in flight but what is late, whose answers nobody waits for."""
        self._retired = True
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._in_flight == len(self._late):
            self._pool.close()
            for task in list(self._late):  # closing ends what waits for an answer; what waits for a stream polls on
                asyncio.get_running_loop().call_later(CLOSED_WITHIN, task.cancel)

    async def close(self) -> None:
        """Closes at once, whatever is in flight."""
        self._retired = True
        self._pool.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSED_WITHIN)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, headers: Headers, request: Request) -> Outcome:
        if not request.path.startswith(PATH):
            return Answer(400, {}, b'{"reason":"BadPath"}', 0)
        began = perf_counter()
        try:
            result = await self._pool.send_notification(_notification(headers, request))
        except MaxAttemptsExceeded:
            if self._pool.failure is not None:
                return NotProcessed("no_connection", trouble(self._pool.failure))
            return OutcomeUnknown("connection_lost")
        except Exception as error:  # noqa: BLE001  # errors of h2 and of the standard library escape from aioapns
            return OutcomeUnknown(type(error).__name__)
        return Answer(int(result.status), {"apns-id": result.notification_id}, _body(result), perf_counter() - began)


class AioapnsTransport:
    """One connection per origin at a time. `open_aioapns` closes it."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._connections: dict[Origin, _Connection] = {}
        self._bulk: dict[Origin, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(BULK_IN_FLIGHT))
        self._replaced: list[_Connection] = []

    async def send(self, parcels: Sequence[Parcel]) -> list[Results]:
        """The results of each parcel; all of them are on their way at once."""
        return list(await asyncio.gather(*(self._parcel(parcel) for parcel in parcels)))

    async def _parcel(self, parcel: Parcel) -> Results:
        if parcel.fresh and parcel.origin in self._connections:
            self._connections[parcel.origin].retire()
        requests = parcel.requests
        return results_of(await asyncio.gather(*(self._one(parcel, requests.one(n)) for n in range(requests.count))))

    async def _one(self, parcel: Parcel, request: Request) -> Outcome:
        if parcel.lane is Lane.NOW:
            return await self._sent(parcel, request)
        async with self._bulk[parcel.origin]:
            return await self._sent(parcel, request)

    async def _sent(self, parcel: Parcel, request: Request) -> Outcome:
        while True:
            outcome = await self._connection(parcel.origin).send(parcel.headers, request)
            if outcome is not None:
                return outcome

    def _connection(self, origin: Origin) -> _Connection:
        current = self._connections.get(origin)
        if current is None or not current.usable:
            if current is not None:
                current.retire()
            current = self._connections[origin] = _Connection(origin, self._ca_file)
        return current

    async def close(self) -> None:
        """Closes every connection."""
        for connection in self._connections.values():
            await connection.close()


def _notification(headers: Headers, request: Request) -> NotificationRequest:
    """Our request in aioapns' fields. Its enumeration of push types is short; it only reads their `value`."""
    fields = dict((*headers, *request.headers))
    push_type: Any = SimpleNamespace(value=fields["apns-push-type"]) if "apns-push-type" in fields else None
    expiration, priority = fields.get("apns-expiration"), fields.get("apns-priority")
    return NotificationRequest(
        request.path.rsplit("/", 1)[1],
        json.loads(request.body),
        fields.get("apns-id"),
        None if expiration is None else _Until(int(expiration)),
        None if priority is None else int(priority),
        fields.get("apns-collapse-id"),
        push_type,
        apns_topic=fields.get("apns-topic"),
    )


def _body(result: Any) -> bytes:  # aioapns is untyped here
    body = {"reason": result.description} if result.description else {}
    if result.timestamp:
        body["timestamp"] = result.timestamp
    return json.dumps(body).encode() if body else b""


@asynccontextmanager
async def open_aioapns(ca_file: Path | None) -> AsyncIterator[AioapnsTransport]:
    """The transport, closed at the end."""
    transport = AioapnsTransport(ca_file)
    try:
        yield transport
    finally:
        await transport.close()
