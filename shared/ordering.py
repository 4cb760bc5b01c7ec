"""Carries out what a backend orders of a send that was accepted, over HTTP and AMQP alike."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.flow.order import Order, Wish
from shared.flow.report import settled
from shared.flow.send import Send
from shared.runtime.clock import Time
from shared.store.connection import Store
from shared.store.errors import Missing

WAIT: Final = timedelta(seconds=5)
"""The first wait of the planner between two looks at a send that it was told to look at."""


class TooLate(Exception):  # noqa: N818  # said of the wish
    """The send is past the point at which this could be ordered; the text says why."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """Lives as long as the process."""

    store: Store
    clock: Time

    async def carry_out(self, key: str, wish: Wish) -> Send:
        """The send about which it was ordered. May be repeated. Raises `Missing` and `TooLate`.

        The order is stored first; then the planner is made to look at the send. Should that get lost, the order holds
        all the same: nothing of the send is begun any more, and the send's next look finds it.
        """
        send = await self.store.sends.get(key)
        if send is None:
            message = "the app has no such send"
            raise Missing(message)
        await self._in_time(send, wish)
        now = self.clock.now()
        if wish is Wish.RESUME:
            await self._resume(key)
        elif await self.store.orders.give(key, _ORDERS[wish], now) is not _ORDERS[wish]:
            raise TooLate(CALLED_OFF)
        await self.store.schedule.check_by(send, now, WAIT)
        return send

    async def _in_time(self, send: Send, wish: Wish) -> None:
        if send.problems:
            message = "the send was rejected"
            raise TooLate(message)
        standing = await self.store.orders.get(send.key)
        repeated = wish is Wish.CANCEL and standing is not None and standing.order is Order.CANCELLED
        if not repeated and await self._finished(send):
            message = "the send is finished"
            raise TooLate(message)

    async def _resume(self, key: str) -> None:
        resumed = await self.store.orders.resume(key, self.clock.now())
        standing = None if resumed else await self.store.orders.get(key)
        if standing is not None and standing.order is Order.CANCELLED:
            raise TooLate(CALLED_OFF)

    async def _finished(self, send: Send) -> bool:
        if send.small:
            return settled(len(send.routes), await self.store.records.of_send(send.key))
        report = await self.store.reports.get(send.key)
        return report is not None and report.state == "finished"


CALLED_OFF: Final = "the send was called off"
_ORDERS: Final = {Wish.CANCEL: Order.CANCELLED, Wish.PAUSE: Order.PAUSED}
