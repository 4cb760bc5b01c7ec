"""Sends as they go on: one look at the store a quarter of a second for each send that is followed, however many follow.

What there is to tell of one is read in `news`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from services.ingest.news import OVER, news_of
from services.ingest.problems import unavailable
from shared.flow.order import Standing
from shared.flow.send import Send
from shared.runtime.tasks import task_group
from shared.store.connection import Store
from shared.store.errors import StoreAway
from shared.store.events import Event

EVERY: Final = timedelta(milliseconds=250)
QUIET: Final = timedelta(seconds=1)
"""Between two looks at a send of which nothing was heard for a while."""
QUIET_AFTER: Final = 40
LINGER: Final = 20
"""Looks without anybody who follows, after which a send is left alone; who reconnects meanwhile costs nothing."""
HEARTBEAT: Final = timedelta(seconds=15)
"""So that proxies do not take the connection for dead (HTML standard, Server-sent events, section 9.2.7)."""
KEPT: Final = 1000
"""Events of one send in memory, the last ones; who resumes before them has those in between from the store."""
PAGE: Final = 200
SENDS: Final = 1000
"""Sends that one process follows at once."""

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Channel:
    """One send that is followed."""

    send: Send
    log: list[Event] = field(default_factory=list)
    standing: Standing | None = None
    """What was ordered about it, as of its last event."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded: bool = False
    closed: bool = False
    viewers: int = 0

    @property
    def latest(self) -> int:
        """The number of its last event; 0 if there is none yet."""
        return self.log[-1].n if self.log else 0

    @property
    def over(self) -> bool:
        """Whether its last event has been."""
        return bool(self.log) and self.log[-1].report.state in OVER

    def after(self, n: int) -> list[Event]:
        """Its events behind this number, as far as they are kept; the numbers have no gap."""
        return self.log[max(0, len(self.log) - (self.latest - n)) :] if n < self.latest else []


class Live:
    """Lives as long as the process; `open_live` closes it."""

    def __init__(self, store: Store, spawn: Callable[[Channel], None], kept: int, page: int) -> None:
        self._store = store
        self._kept = kept
        self._page = page
        self._spawn = spawn
        self._channels: dict[str, asyncio.Future[Channel]] = {}
        self._closed = False

    async def join(self, key: str, find: Callable[[], Awaitable[Send]]) -> Channel:
        """The channel of a send, with everything that there is of it. Raises what `find` raises."""
        known = self._channels.get(key)
        if known is None:
            if len(self._channels) >= SENDS or self._closed:
                raise unavailable("too many sends are followed here already", 5)
            known = self._channels[key] = asyncio.ensure_future(self._opened(find))
            known.add_done_callback(lambda done: self._forget_failed(key, done))
        channel = await asyncio.shield(known)
        async with channel.changed:
            await channel.changed.wait_for(lambda: channel.loaded or channel.closed)
        return channel

    async def _opened(self, find: Callable[[], Awaitable[Send]]) -> Channel:
        channel = Channel(await find())
        self._spawn(channel)
        return channel

    def _forget_failed(self, key: str, done: "asyncio.Future[Channel]") -> None:
        if done.cancelled() or done.exception() is not None:
            self._channels.pop(key, None)

    async def follow(self, channel: Channel) -> None:
        """Looks at a send until it is over, or nobody follows it for a while."""
        quiet = idle = 0
        try:
            while not self._closed and idle < LINGER:
                news = False if channel.over else await self._look(channel)
                quiet = 0 if news else quiet + 1
                idle = 0 if channel.viewers else idle + 1
                await asyncio.sleep((QUIET if quiet > QUIET_AFTER else EVERY).total_seconds())
        finally:
            self._channels.pop(channel.send.key, None)
            channel.closed = True
            async with channel.changed:
                channel.changed.notify_all()

    async def reach(self, channel: Channel, n: int) -> None:
        """Looks at once for somebody who has seen this event already, of another process whose look was later."""
        if n > channel.latest and not channel.over:
            await self._look(channel, unless=n)

    async def since(self, channel: Channel, n: int) -> list[Event]:
        """The next events behind this number, maybe not all of them; none if there is no news."""
        if channel.log and n + 1 < channel.log[0].n:
            older = await self._store.events.after(channel.send.key, n, self._page)
            return older or channel.after(n)
        return channel.after(n)

    async def _look(self, channel: Channel, unless: int | None = None) -> bool:
        """Whether there was news; one look at a time, and none if this event is known by then."""
        async with channel.looking:
            return False if unless is not None and unless <= channel.latest else await self._looked(channel)

    async def _looked(self, channel: Channel) -> bool:
        try:
            fresh = await news_of(self._store, channel.send, channel.latest, self._kept)
            if not channel.log and channel.send.begins_at is not None and await self._replaced(channel):
                fresh = await news_of(self._store, channel.send, channel.latest, self._kept)
            if fresh or not channel.loaded:
                channel.standing = await self._store.orders.get(channel.send.key)
        except StoreAway as error:
            log.warning("not_followed", send=channel.send.key, error=type(error).__name__)
            return False
        except Exception:
            log.exception("following_failed", send=channel.send.key)
            return False
        if fresh or not channel.loaded:
            async with channel.changed:
                channel.log = [*channel.log, *fresh][-self._kept :]
                channel.loaded = True
                channel.changed.notify_all()
        return bool(fresh)

    async def _replaced(self, channel: Channel) -> bool:
        """Whether it is another send by now, under the same id: until it begins it may be. What has news has begun."""
        found = await self._store.sends.get(channel.send.key)
        if found is None or found.revision == channel.send.revision:
            return False
        channel.send = found
        return True

    async def close(self) -> None:
        """Every stream ends; who wants more asks another process."""
        self._closed = True
        for future in list(self._channels.values()):
            if future.done() and not future.cancelled() and future.exception() is None:
                channel = future.result()
                channel.closed = True
                async with channel.changed:
                    channel.changed.notify_all()


@asynccontextmanager
async def open_live(store: Store, *, kept: int = KEPT, page: int = PAGE) -> AsyncIterator[Live]:
    """Closed at the end: nobody follows any longer."""
    async with task_group() as tasks:
        following: set[asyncio.Task[None]] = set()

        def spawn(channel: Channel) -> None:
            task = tasks.create_task(live.follow(channel))
            following.add(task)
            task.add_done_callback(following.discard)

        live = Live(store, spawn, kept, page)
        try:
            yield live
        finally:
            await live.close()
            for task in tuple(following):
                task.cancel()
