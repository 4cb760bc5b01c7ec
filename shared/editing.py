"""Replaces a scheduled send that has not begun by what the backend wants now, over HTTP and AMQP alike."""

import secrets
from dataclasses import dataclass
from typing import Final

from shared.flow.accept import accept, lists_of
from shared.flow.order import Order
from shared.flow.send import Problem, Send, SendRequest
from shared.ordering import CALLED_OFF, WAIT, TooLate
from shared.providers.registry import check_message
from shared.referring import said_in_full
from shared.refusal import Unacceptable
from shared.roster import Rosters, canonical
from shared.runtime.clock import Time
from shared.store.connection import Store
from shared.store.errors import Missing
from shared.terms import TermsBook

BEGUN: Final = "the send has begun or ended, or was changed by another at the same time"


@dataclass(frozen=True, slots=True)
class Editing:
    """Lives as long as the process."""

    store: Store
    rosters: Rosters
    terms: TermsBook
    clock: Time

    async def replace(self, key: str, request: SendRequest) -> Send:
        """The send as it is now. Raises `Missing`, `TooLate` and `Unacceptable`.

        Lists are stored under a name of their own before it counts, so nobody ever walks half of the old ones.
        Whether it has begun is decided by one document: what the planner begins is one revision or the other.
        """
        old = await self.store.sends.get(key)
        if old is None:
            message = "the app has no such send"
            raise Missing(message)
        await self._still_waits(old)
        send, lists = await self._accepted(old, request)
        if request.validate_only:
            if not await self.store.sends.waits(old):
                raise TooLate(BEGUN)
            return old
        for name, values in lists.items():
            await self.store.lists.insert(send.list_name(name), values)
        if not await self.store.sends.replace(send):
            raise TooLate(BEGUN)
        await self.store.schedule.put_off(send, send.begins_at or self.clock.now(), WAIT)
        try:
            await self._not_called_off(send)
        except TooLate:  # at the same time: its look, which was just put off, is to come now
            await self.store.schedule.check_by(send, self.clock.now(), WAIT)
            raise
        return send

    async def _still_waits(self, send: Send) -> None:
        if send.problems:
            message = "the send was rejected"
            raise TooLate(message)
        if send.begins_at is None:
            message = "the send was not scheduled, it has begun"
            raise TooLate(message)
        await self._not_called_off(send)

    async def _not_called_off(self, send: Send) -> None:
        standing = await self.store.orders.get(send.key)
        if standing is not None and standing.order is Order.CANCELLED:
            raise TooLate(CALLED_OFF)

    async def _accepted(self, old: Send, request: SendRequest) -> tuple[Send, dict[str, tuple[str, ...]]]:
        now = self.clock.now()
        roster = await self.rosters.of(old.app, fresh=True)
        targets = roster.targets
        said = await said_in_full(request, old.app, self.store.templates)
        if isinstance(said, Problem):
            raise Unacceptable([said])
        request = canonical(said, targets)
        terms = await self.terms.of(old.app, request, roster)
        send = accept(request, old.app, old.key, targets, now, old.source, check=check_message, terms=terms)
        if send.problems:
            raise Unacceptable(send.problems)
        changed: dict[str, object] = {
            "revision": old.revision + 1, "accepted_at": old.accepted_at, "fingerprint": old.fingerprint,
            "begins_at": send.begins_at or send.accepted_at, "trace": old.trace,
        }  # fmt: skip
        if send.lists:  # under a name of its own: another may become the same revision at the same time
            changed["lists_of"] = f"{old.key}/{old.revision + 1}-{secrets.token_hex(6)}"
        return send.model_copy(update=changed), lists_of(request)
