"""What became of a send, as far as it is known now: a small one's report is derived from its records at every look.

A planned send's report is written by the reporter while it runs. One that was not written for a second is derived
here, from the same records by the same sum, so that an answer does not wait for the reporter.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from shared.flow.full_report import FullReport
from shared.flow.record import Part
from shared.flow.report import Outcomes, Report, State, own_report, report
from shared.flow.send import Send
from shared.full_reports import line_of, of_parts, of_records, of_running
from shared.runtime.clock import Time
from shared.store.connection import Store

FRESH: Final = timedelta(seconds=1)
"""A report this old is good enough; and no send's records are summed more often than this."""
REMEMBERED: Final = 1000


class Reports:
    """Lives as long as the process. `monotonic` gives seconds."""

    def __init__(self, store: Store, clock: Time, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._derived: dict[str, tuple[Report, float]] = {}
        self._full: dict[str, tuple[FullReport, float]] = {}

    async def of(self, send: Send) -> Report:
        """The report of one send."""
        if send.problems:
            return _empty(send, "rejected")
        if send.small and not send.purged:
            return _own(send, await self._store.records.of_send(send.key))
        written = await self._store.reports.dated(send.key)
        if written is not None:
            stored, at = written
            if stored.state == "finished" or self._clock.now() - at < FRESH:
                return stored
        return await self._live(send)

    async def full(self, send: Send) -> FullReport:
        """The full report of one send: kept with what is final, else derived."""
        now, line = self._clock.now(), line_of(send)
        if send.problems:
            return of_parts(line, _empty(send, "rejected"), (), send.accepted_at)
        kept = await self._store.reports.full(send.key)
        if kept is not None:
            return kept
        if send.small:
            parts = await self._store.records.of_send(send.key)
            return of_parts(line, _own(send, parts), parts, now)
        known, until = self._full.get(send.key, (None, 0.0))
        if known is not None and until > self._monotonic():
            return known
        derived = await self._full_live(send, now)
        if len(self._full) >= REMEMBERED:
            self._full.clear()
        self._full[send.key] = derived, self._monotonic() + FRESH.total_seconds()
        return derived

    async def _full_live(self, send: Send, now: datetime) -> FullReport:
        final = await self._store.reports.get(send.key)
        if final is not None and final.state == "finished":  # the reporter is about to keep the full one
            recorded = await self._store.records.sum(send.key)
            return await of_records(self._store, send.key, line_of(send), final, recorded, now)
        plan = await self._store.plans.get(send.key)
        if plan is None:
            return of_parts(line_of(send), _empty(send, "accepted"), (), now)
        return await of_running(self._store, plan, now)

    async def states(self, sends: Iterable[Send]) -> dict[str, State]:
        """The state of each send by its key: one read for the small ones, one for the others."""
        wanted = list(sends)
        parts = await self._store.records.of_sends(one.key for one in wanted if _derived(one))
        stored = await self._store.reports.many(one.key for one in wanted if not _derived(one))
        return {one.key: _state(one, parts.get(one.key, []), stored.get(one.key)) for one in wanted}

    async def _live(self, send: Send) -> Report:
        known, until = self._derived.get(send.key, (None, 0.0))
        if known is not None and until > self._monotonic():
            return known
        plan = await self._store.plans.get(send.key)
        if plan is None:
            return _empty(send, "accepted")
        derived = report(plan, await self._store.records.sum(send.key))
        if derived.state == "finished":  # the reporter makes it final, with the time that it then has for good
            derived = derived.model_copy(update={"state": "running"})
        if len(self._derived) >= REMEMBERED:
            self._derived.clear()
        self._derived[send.key] = derived, self._monotonic() + FRESH.total_seconds()
        return derived


def _derived(send: Send) -> bool:
    """Whether its report follows from its records; no record is left of one that is purged."""
    return send.small and not send.problems and not send.purged


def _state(send: Send, parts: list[Part], stored: Report | None) -> State:
    if send.problems:
        return "rejected"
    if _derived(send):
        return _own(send, parts).state
    return stored.state if stored else "accepted"


def _own(send: Send, parts: list[Part]) -> Report:
    return own_report(len(send.routes), send.accepted_at, parts) if parts else _empty(send, "accepted")


def _empty(send: Send, state: State) -> Report:
    return Report(state=state, total=Outcomes(), accepted_at=send.accepted_at, dry_run=send.request.dry_run)
