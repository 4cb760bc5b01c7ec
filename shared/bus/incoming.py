"""One delivery of a message, as its consumer sees it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final

SENT_AT: Final = "at"
"""Header: when the message was published, in milliseconds since the epoch; AMQP's own timestamp has whole seconds."""
LAST: Final = 253_402_300_799_000
"""The last second of the year 9999, after which Python has no time; anybody may write into a header."""


class Settlement(Enum):
    """How a delivery ends."""

    ACK = "ack"
    REJECT = "reject"
    REQUEUE = "requeue"


@dataclass(slots=True, eq=False)
class Incoming:
    """Settle it once, with `ack`, `reject` or `requeue`; all are no-ops that return False when it is stale.

    True means that the answer was written to the broker, which does not confirm it: a message may come back all the
    same, with `redelivered` set.
    """

    body: bytes
    exchange: str
    routing_key: str
    headers: Mapping[str, object]
    message_id: str | None
    correlation_id: str | None
    reply_to: str | None
    user_id: str | None
    """The broker's user who published, checked by the broker; None if the publisher did not state it."""
    content_type: str | None
    redelivered: bool
    """Whether it may have been in somebody's hands before."""
    published: datetime | None
    """AMQP's own timestamp, as the publisher states it; see `timestamp`."""
    _settle: Callable[[Settlement], Awaitable[bool]] = field(repr=False)
    _gone: Callable[[], bool] = field(repr=False)
    _settled: bool = field(default=False, init=False)

    @property
    def timestamp(self) -> datetime | None:
        """When it was published, by the publisher's clock: to the millisecond if Carillon published it."""
        at = self.headers.get(SENT_AT)
        return datetime.fromtimestamp(at / 1000, UTC) if isinstance(at, int) and 0 <= at <= LAST else self.published

    @property
    def stale(self) -> bool:
        """Its channel is gone: the broker delivers it again, to us or to another. Start no work on it."""
        return self._gone()

    @property
    def settled(self) -> bool:
        return self._settled

    async def ack(self) -> bool:
        """Done with it."""
        return await self._once(Settlement.ACK)

    async def reject(self) -> bool:
        """It can never be processed: to the dead letters (`Bus.bury` says why as well)."""
        return await self._once(Settlement.REJECT)

    async def requeue(self) -> bool:
        """Back to the queue. Handing back is no failure: on 4.3 it does not count towards the delivery limit."""
        return await self._once(Settlement.REQUEUE)

    async def _once(self, how: Settlement) -> bool:
        if self._settled or self.stale:
            return False
        self._settled = True
        return await self._settle(how)
