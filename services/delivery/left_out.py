"""Remembers what the sends that are worked leave out: their lists are read once, not for every chunk."""

import asyncio
from collections import OrderedDict
from typing import Final

from services.delivery.screening import Screen, screen_of
from shared.flow.send import EXCLUDED, Send
from shared.store.connection import Store

REMEMBERED: Final = 4
"""Sends with lists: of 100,000 users each some 15 MB."""


class LeftOut:
    """Lives as long as the process; bounded by `REMEMBERED`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, asyncio.Future[Screen]] = OrderedDict()

    async def of(self, send: Send) -> Screen:
        """What a send leaves out; its lists never change."""
        exclude = send.request.audience.exclude
        if not any(name.startswith(EXCLUDED) for name in send.lists):
            return screen_of(send, exclude.users, exclude.devices)
        reading = self._known.get(send.key)
        if reading is None or (reading.done() and (reading.cancelled() or reading.exception())):
            reading = self._known[send.key] = asyncio.ensure_future(self._read(send))
        self._known.move_to_end(send.key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return await asyncio.shield(reading)

    async def _read(self, send: Send) -> Screen:
        users, devices = [await self._store.lists.whole(send, f"{EXCLUDED}{name}") for name in ("users", "devices")]
        return screen_of(send, users, devices)
