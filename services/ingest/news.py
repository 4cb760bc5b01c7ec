"""What is new of a send that is followed, as numbered events.

Planned sends have numbered events in the store. A small send's follow from its records, one for each.
"""

from typing import Final

from shared.flow.report import Outcomes, Report, own_report
from shared.flow.send import Send
from shared.store.connection import Store
from shared.store.events import Event

OVER: Final = frozenset({"finished", "rejected"})


async def news_of(store: Store, send: Send, latest: int, most: int) -> list[Event]:
    """The events behind this number, the last ones if it is 0; of planned sends so many at most."""
    if send.problems:
        return [Event(1, Report(state="rejected", total=Outcomes(), accepted_at=send.accepted_at))]
    if send.small and not send.purged:
        parts = await store.records.of_send(send.key)
        parts.sort(key=lambda part: (part.last_answer_at or part.looked_up_at, part.member))
        return [
            Event(n, own_report(len(send.routes), send.accepted_at, parts[:n]))
            for n in range(latest + 1, len(parts) + 1)
        ] or await _kept(store, send, latest)
    fresh = await store.events.after(send.key, latest, most) if latest else await store.events.last(send.key, most)
    return fresh or await _kept(store, send, latest)


async def _kept(store: Store, send: Send, latest: int) -> list[Event]:
    """Of a send so old that its events are gone, the end is there still."""
    if latest:
        return []
    final = await store.reports.get(send.key)
    return [Event(1, final)] if final is not None and final.state in OVER else []
