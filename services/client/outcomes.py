"""Over HTTP with `await`: what became of sends, of notifications, and from day to day."""

from collections.abc import AsyncGenerator, Sequence
from datetime import date

from services.client import asks, outcome_asks
from services.client.asking import AsyncAsking
from services.client.commands import app_of
from services.client.models import Line, Status
from services.client.outcome_models import Compared, History, Story
from shared.flow.day import AppReport
from shared.flow.full_report import FullReport
from shared.flow.whereabouts import Receipt


class AsyncOutcomes(AsyncAsking):
    """A part of `AsyncClient`."""

    async def status(self, send: str) -> Status:
        """What has become of a send by now."""
        return await self.ask(asks.status(send))

    async def sends(self) -> AsyncGenerator[Line, None]:
        """Every send that is kept, newest first; pages are asked for as one goes on."""
        after: str | None = None
        while True:
            page = await self.ask(asks.page_of_sends(after))
            for line in page.sends:
                yield line
            if (after := page.next) is None:
                return

    async def report(self, send: str) -> FullReport:
        """Everything about what became of a send: outcomes by platform, timeline, latencies, interactions."""
        return await self.ask(outcome_asks.report(send))

    async def compare(self, sends: Sequence[str]) -> tuple[Compared, ...]:
        """Up to 20 sends side by side, by id."""
        return (await self.ask(outcome_asks.compare(sends))).sends

    async def receipts(self, send: str) -> AsyncGenerator[Receipt, None]:
        """What became of each notification of a send, as far as the send keeps receipts (`receipts`)."""
        after: str | None = None
        while True:
            page = await self.ask(outcome_asks.receipts(send, after))
            for receipt in page.receipts:
                yield receipt
            if (after := page.next) is None:
                return

    async def story(self, send: str, device: str) -> Story:
        """The whole story of one notification: addressed or why not, attempts, outcome, what the device told."""
        return await self.ask(outcome_asks.story(send, device))

    async def history(self, device: str, *, limit: int = 20, after: str | None = None) -> History:
        """What became of late of the sends that address a device; up to 100, `after` is `next` of the page before."""
        return await self.ask(outcome_asks.history(device, limit, after))

    async def days(self, first: date | None = None, last: date | None = None) -> AppReport:
        """What became of all the app's notifications from day to day, in UTC: today, or up to 92 days."""
        return await self.ask(outcome_asks.days(app_of(self._secret), first, last))
