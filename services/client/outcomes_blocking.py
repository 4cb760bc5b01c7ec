"""Over HTTP without `await`: what became of sends, of notifications, and from day to day."""

from collections.abc import Generator, Sequence
from datetime import date

from services.client import asks, outcome_asks
from services.client.asking_blocking import Asking
from services.client.commands import app_of
from services.client.models import Line, Status
from services.client.outcome_models import Compared, History, Story
from shared.flow.day import AppReport
from shared.flow.full_report import FullReport
from shared.flow.whereabouts import Receipt


class Outcomes(Asking):
    """A part of `Client`."""

    def status(self, send: str) -> Status:
        """As `AsyncClient.status`."""
        return self.ask(asks.status(send))

    def sends(self) -> Generator[Line, None, None]:
        """As `AsyncClient.sends`."""
        after: str | None = None
        while True:
            page = self.ask(asks.page_of_sends(after))
            yield from page.sends
            if (after := page.next) is None:
                return

    def report(self, send: str) -> FullReport:
        """As `AsyncClient.report`."""
        return self.ask(outcome_asks.report(send))

    def compare(self, sends: Sequence[str]) -> tuple[Compared, ...]:
        """As `AsyncClient.compare`."""
        return self.ask(outcome_asks.compare(sends)).sends

    def receipts(self, send: str) -> Generator[Receipt, None, None]:
        """As `AsyncClient.receipts`."""
        after: str | None = None
        while True:
            page = self.ask(outcome_asks.receipts(send, after))
            yield from page.receipts
            if (after := page.next) is None:
                return

    def story(self, send: str, device: str) -> Story:
        """As `AsyncClient.story`."""
        return self.ask(outcome_asks.story(send, device))

    def history(self, device: str, *, limit: int = 20, after: str | None = None) -> History:
        """As `AsyncClient.history`."""
        return self.ask(outcome_asks.history(device, limit, after))

    def days(self, first: date | None = None, last: date | None = None) -> AppReport:
        """As `AsyncClient.days`."""
        return self.ask(outcome_asks.days(app_of(self._secret), first, last))
