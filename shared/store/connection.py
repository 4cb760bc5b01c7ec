"""Opens the store and gives every collection its place; makes the indexes once at start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from shared.runtime.metrics import Metrics
from shared.store.allowances import Allowances
from shared.store.apps import Apps
from shared.store.authorizations import Authorizations
from shared.store.away import Away
from shared.store.bulk import Bulk
from shared.store.caps import Caps
from shared.store.claims import Claims
from shared.store.deaths import Deaths
from shared.store.devices import Devices
from shared.store.duties import Duties
from shared.store.erasures import Erasures
from shared.store.events import Events
from shared.store.evidence import EvidenceBook
from shared.store.export import Export
from shared.store.heard import Heard
from shared.store.hygiene_days import HygieneDays
from shared.store.interactions import InteractionBook
from shared.store.keyed import KeyedRequests
from shared.store.keyring import Keyring
from shared.store.lists import Lists
from shared.store.measured import Measured
from shared.store.named import Named
from shared.store.orders import Orders
from shared.store.outbox import Outbox
from shared.store.parking import Parking
from shared.store.permits import Permits
from shared.store.plans import Plans
from shared.store.quarantine import Quarantine
from shared.store.receipts import ReceiptBook
from shared.store.records import Records
from shared.store.reports import Reports
from shared.store.rules import RuleBook
from shared.store.schedule import Schedule
from shared.store.segments import Segments
from shared.store.sends import Sends
from shared.store.spans import Spans
from shared.store.started import Started
from shared.store.survey import Survey
from shared.store.sweeps import Sweeps
from shared.store.tags import TagBook
from shared.store.templates import Templates
from shared.store.traces import Traces
from shared.store.undoing import Undoing
from shared.store.variants import Variants
from shared.store.webhooks import Webhooks
from shared.store.windows import Windows

SELECTION_SECONDS: Final = 5
OPERATION: Final = timedelta(seconds=20)
POOL: Final = 50
CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Store:
    """Every collection. Lives as long as the process; may be shared by all its tasks; `open_store` closes it."""

    def __init__(self, client: AsyncMongoClient[dict[str, Any]], database: str, keyring: Keyring) -> None:
        self._client = client
        self.database: AsyncDatabase[dict[str, Any]] = client.get_database(database, codec_options=CODEC)
        self.apps = Apps(self.database, keyring)
        self.variants = Variants(self.database, keyring)
        self.devices = Devices(self.database)
        self.sends = Sends(self.database)
        self.lists = Lists(self.database)
        self.plans = Plans(self.database)
        self.schedule = Schedule(self.database)
        self.sweeps = Sweeps(self.database)
        self.orders = Orders(self.database)
        self.records = Records(self.database)
        self.deaths = Deaths(self.database)
        self.claims = Claims(self.database, self.records, self.deaths)
        self.started = Started(self.database)
        self.caps = Caps(self.database)
        self.heard = Heard(self.database)
        self.reports = Reports(self.database)
        self.authorizations = Authorizations(self.database, keyring)
        self.quarantine = Quarantine(self.database)
        self.undoing = Undoing(self.database)
        self.evidence = EvidenceBook(self.database)
        self.windows = Windows(self.database)
        self.hygiene_days = HygieneDays(self.database)
        self.allowances = Allowances(self.database)
        self.duties = Duties(self.database)
        self.parking = Parking(self.database)
        self.permits = Permits(self.database)
        self.keyed = KeyedRequests(self.database, keyring)
        self.templates = Templates(self.database)
        self.away = Away(self.database)
        self.rules = RuleBook(self.database)
        self.segments = Segments(self.database)
        self.survey = Survey(self.database)
        self.bulk = Bulk(self.database, self.devices)
        self.export = Export(self.database)
        self.spans = Spans(self.database)
        self.events = Events(self.database)
        self.receipts = ReceiptBook(self.database)
        self.interactions = InteractionBook(self.database)
        self.webhooks = Webhooks(self.database, keyring)
        self.outbox = Outbox(self.database)
        self.erasures = Erasures(self.database)
        self.traces = Traces(self.database)
        self.named = Named(self.database)
        self.tags = TagBook(self.database)

    async def ensure(self) -> None:
        """Makes every index; safe to repeat and to race."""
        for collection in (
            self.apps, self.variants, self.devices, self.sends, self.lists, self.plans, self.schedule,
            self.claims, self.records, self.started, self.heard, self.reports, self.authorizations,
            self.quarantine, self.undoing, self.evidence, self.windows, self.allowances, self.duties,
            self.parking, self.permits, self.keyed, self.templates, self.away, self.rules, self.segments,
            self.spans, self.events, self.receipts, self.interactions, self.webhooks, self.outbox, self.erasures,
            self.traces, self.deaths, self.orders, self.tags, self.hygiene_days, self.caps,
        ):  # fmt: skip
            await collection.ensure()

    async def now(self) -> datetime:
        """The store's own time."""
        answer = await self._client.admin.command("hello")
        local: datetime = answer["localTime"]
        return local if local.tzinfo else local.replace(tzinfo=UTC)

    async def check(self) -> None:
        """Really asks: raises unless a primary answers."""
        answer = await self._client.admin.command("hello")
        if not answer.get("isWritablePrimary"):
            message = "the store has no primary"
            raise ConnectionError(message)


@asynccontextmanager
async def open_store(
    url: str, database: str, keyring: Keyring, *, limit: timedelta = OPERATION, metrics: Metrics | None = None
) -> AsyncIterator[Store]:
    """The store at this URL. Writes are majority and journalled: what is accepted survives a failover.

    Within `limit` an operation is tried again; then it fails.
    """
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        url,
        w="majority",
        journal=True,
        tz_aware=True,
        maxPoolSize=POOL,
        serverSelectionTimeoutMS=SELECTION_SECONDS * 1000,
        timeoutMS=limit // timedelta(milliseconds=1),
        appname="carillon",
        event_listeners=[Measured(metrics)] if metrics is not None else [],
    )
    try:
        yield Store(client, database, keyring)
    finally:
        await client.close()
