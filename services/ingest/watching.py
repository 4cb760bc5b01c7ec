"""A backend follows a send: Server-Sent Events, resumed by the id of the last one that was seen."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from services.ingest.call import Call, Reply, Text
from services.ingest.desk import Desk
from services.ingest.live import HEARTBEAT, Channel, Live
from services.ingest.news import OVER
from services.ingest.sends import SendView, the_send, view_of
from shared.flow.identity import send_key
from shared.flow.report import Outcomes, Report
from shared.store.errors import StoreAway
from shared.store.events import Event

STREAM: Final = "text/event-stream"
RETRY: Final = b"retry: 1000\n\n"
HEART: Final = b": still here\n\n"
DIGITS: Final = 9


async def follow(desk: Desk, call: Call) -> Reply:
    """The send's events from here on, or behind the one that the caller saw last; none if that was the end."""
    wanted = call.path["send"]
    channel = await desk.live.join(send_key(call.app, wanted), lambda: the_send(desk, call.app, wanted))
    seen = _last_seen(call)
    if seen is not None:
        await desk.live.reach(channel, seen)
    if channel.over and seen is not None and seen >= channel.latest:
        return Reply(HTTPStatus.NO_CONTENT)  # which tells a browser not to come again (HTML standard, 9.2.3)
    return Reply(HTTPStatus.OK, Text(_stream(desk.live, channel, seen), STREAM))


def _last_seen(call: Call) -> int | None:
    said = call.headers.get("last-event-id", "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) <= DIGITS else None


async def _stream(live: Live, channel: Channel, seen: int | None) -> AsyncIterator[bytes]:
    """Ends with the send's last event, or with this process."""
    channel.viewers += 1
    try:
        yield RETRY
        if seen is None and not channel.log:
            yield _written(channel, Event(0, _accepted(channel)))
        seen = max(0, channel.latest - 1) if seen is None else min(seen, channel.latest)
        while True:
            for event in await live.since(channel, seen):
                yield _written(channel, event)
                seen = event.n
            if seen < channel.latest:
                continue
            if channel.over or channel.closed:
                return
            if not await _more(channel, seen):
                yield HEART
    except StoreAway:  # whoever follows comes again, and goes on where he was
        return
    finally:
        channel.viewers -= 1


async def _more(channel: Channel, seen: int) -> bool:
    """Whether something came within a heartbeat."""
    try:
        async with asyncio.timeout(HEARTBEAT.total_seconds()), channel.changed:
            await channel.changed.wait_for(lambda: channel.latest > seen or channel.closed)
    except TimeoutError:
        return False
    return True


def _accepted(channel: Channel) -> Report:
    return Report(state="accepted", total=Outcomes(), accepted_at=channel.send.accepted_at)


def _written(channel: Channel, event: Event) -> bytes:
    """One event on the wire; `data` is what a look at the send would have answered then."""
    state = event.report.state
    view: SendView = view_of(channel.send, event.report, channel.standing)
    name = state if state in OVER else "progress"
    return f"id: {event.n}\nevent: {name}\ndata: {view.model_dump_json()}\n\n".encode()
