"""What every handler works with."""

from dataclasses import dataclass
from datetime import datetime

from services.ingest.commit import Commit
from services.ingest.keys import Keys
from services.ingest.live import Live
from services.ingest.once import Once
from services.ingest.reports import Reports
from shared.flow.moment import whole_milliseconds
from shared.flow.webhook import Network
from shared.roster import Rosters
from shared.runtime.clock import Time
from shared.runtime.tracing import Tracing
from shared.store.connection import Store
from shared.terms import TermsBook


@dataclass(frozen=True, slots=True)
class Desk:
    """Made by the wiring, shared by all requests."""

    store: Store
    clock: Time
    keys: Keys
    rosters: Rosters
    terms: TermsBook
    reports: Reports
    commit: Commit
    once: Once
    live: Live
    tracing: Tracing | None = None
    networks: tuple[Network, ...] = ()
    """To which webhooks may be sent though they are not public."""

    def now(self) -> datetime:
        """The store's time, in the whole milliseconds that it keeps."""
        return whole_milliseconds(self.clock.now())
