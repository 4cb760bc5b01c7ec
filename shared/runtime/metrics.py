"""Every metric with its labels, as data: one line below is one metric. Recorded per chunk, never per notification.

A label has few values: never a token, a user or a send. An app only where the largest are named and the others are one,
a reason only where the known ones are (`ByApp`, `shared.providers.known_reasons`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, get_args, get_type_hints

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shared.runtime.answer_times import AnswerTimes
from shared.runtime.by_app import ByApp

PREFIX: Final = "carillon_"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

SECONDS: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
DWELL: Final = (0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
ASKED_WITHIN: Final = 2.0
"""Seconds that whoever reads the metrics waits for what is asked of others."""

Question = Callable[[], Awaitable[None]]
"""Sets gauges that only somebody else knows, when they are read."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a metric tells, by which labels; a histogram's buckets."""

    text: str
    labels: tuple[str, ...] = ()
    buckets: Sequence[float] = SECONDS


class Metrics:
    """Made once in a process's wiring on a registry of its own, and passed down."""

    sends_accepted: Annotated[Counter, Spec("Sends accepted", ("source", "lane"))]
    sends_refused: Annotated[Counter, Spec("Sends refused", ("reason",))]
    sends_finished: Annotated[Counter, Spec("Sends of which everything was heard; what is told again is counted again")]
    duplicates: Annotated[
        Counter, Spec("What came or went again: sends known before, messages, notifications maybe delivered", ("of",))
    ]
    http_requests: Annotated[Counter, Spec("Requests answered", ("method", "route", "status"))]
    http_seconds: Annotated[Histogram, Spec("Time of a request", ("method", "route"))]
    ingest_open: Annotated[Gauge, Spec("1 while sends are accepted, 0 while the broker does not confirm")]
    ingest_group_size: Annotated[Histogram, Spec("Sends stored by one insert", buckets=SIZES)]
    publish_unconfirmed: Annotated[Counter, Spec("Publishes that the broker did not confirm", ("why",))]
    broker_blocked: Annotated[Gauge, Spec("1 while the broker reads no publishes from us")]
    queue_messages: Annotated[Gauge, Spec("Messages that wait in a queue that this process takes from", ("queue",))]
    queue_age_seconds: Annotated[
        Gauge, Spec("The oldest of them waits at most so long, as far as this process can tell", ("queue",))
    ]
    slices_published: Annotated[Counter, Spec("Slices put on the bus", ("platform", "lane"))]
    slices_done: Annotated[Counter, Spec("Slices worked to their end", ("platform", "lane"))]
    chunks: Annotated[Counter, Spec("Chunks closed by a record", ("platform",))]
    notifications: Annotated[ByApp, Spec("Notifications by outcome", ("app", "platform", "outcome", "reason"))]
    answer_seconds: Annotated[
        AnswerTimes, Spec("From writing a request to the provider's answer, out of the records", ("platform", "lane"))
    ]
    delivery_seconds: Annotated[
        Histogram,
        Spec(
            "From the first acceptance, or scheduled moment, to the last answer, of each record's first attempts",
            ("platform", "lane"),
            DWELL,
        ),
    ]
    retries: Annotated[Counter, Spec("Notifications owed again", ("platform", "rule"))]
    chunk_seconds: Annotated[Histogram, Spec("From the start of a chunk to its record", ("platform",))]
    dwell_seconds: Annotated[Histogram, Spec("Time a message spent on the bus", ("hop",), DWELL)]
    in_flight_chunks: Annotated[Gauge, Spec("Chunks being worked", ("platform",))]
    connections: Annotated[Gauge, Spec("Connections to providers that are open", ("platform",))]
    connects: Annotated[Counter, Spec("Connections to providers that were tried", ("platform", "outcome"))]
    goaways: Annotated[Counter, Spec("Connections that the provider asked us to leave", ("platform", "code"))]
    streams_in_use: Annotated[Gauge, Spec("Requests to providers without an outcome yet", ("platform",))]
    streams_allowed: Annotated[Gauge, Spec("Requests that the open connections would carry at a time", ("platform",))]
    claims_lost: Annotated[Counter, Spec("Claims that another took or that ran out", ("platform",))]
    records_lost: Annotated[Counter, Spec("Chunk records that another had inserted first", ("platform",))]
    chunk_conflicts: Annotated[Counter, Spec("Devices terminal in two outcomes with different verdicts")]
    late_results: Annotated[Counter, Spec("Results of sends that were finished already")]
    swept: Annotated[Counter, Spec("What a sweeper found undone and published again", ("kind",))]
    closed_by_counting: Annotated[Counter, Spec("Chunks closed by counting", ("why",))]
    dead_letters: Annotated[Counter, Spec("Messages put to the dead letters", ("queue",))]
    devices_retired: Annotated[Counter, Spec("Devices taken out of service", ("why",))]
    devices_quarantined: Annotated[Counter, Spec("Devices put in quarantine, still served", ("why",))]
    devices_restored: Annotated[Counter, Spec("Devices back in service or out of quarantine", ("why",))]
    hygiene_windows: Annotated[Counter, Spec("Windows of suspects that were judged", ("platform", "decision"))]
    queue_paused: Annotated[Gauge, Spec("1 while a queue is not taken from: too much of it was dead", ("queue",))]
    credential_problems: Annotated[
        Counter, Spec("Minutes in which a variant's credentials were refused", ("platform", "reason"))
    ]
    variants_parked: Annotated[Counter, Spec("Variants parked over their credentials", ("platform", "reason"))]
    variants_resumed: Annotated[Counter, Spec("Parked variants that a probe found well again", ("platform",))]
    breaker_state: Annotated[
        Gauge, Spec("Routes (a provider's address and a credential) that are not sent by", ("platform",))
    ]
    breakers_opened: Annotated[Counter, Spec("Routes that were given up for a while", ("platform",))]
    concurrency_limit: Annotated[
        Gauge,
        Spec("Notifications that may be in flight by the route that is doing worst; 0: none is known", ("platform",)),
    ]
    concurrency_lowered: Annotated[Counter, Spec("Times that a route's limit was lowered", ("platform", "why"))]
    retry_budget_left: Annotated[
        Gauge,
        Spec("Retries that may begin before others wait, by the route that has fewest left", ("platform",)),
    ]
    retries_waited: Annotated[Counter, Spec("Retries made to wait, beyond their route's budget", ("platform",))]
    stragglers: Annotated[Gauge, Spec("Notifications without an answer yet whose chunks were closed", ("platform",))]
    slices_held: Annotated[Counter, Spec("Slices made to wait: parked, limited, route away", ("platform", "lane"))]
    credential_days_left: Annotated[
        Gauge,
        Spec("Days until a certificate runs out: of each app the one that is first", ("app", "platform")),
    ]
    authorization_refreshes: Annotated[Counter, Spec("Provider authorizations obtained", ("platform", "outcome"))]
    sends_purged: Annotated[Counter, Spec("Sends whose content was removed: past their app's retention")]
    webhook_calls: Annotated[Counter, Spec("Calls of webhooks", ("outcome",))]
    clock_offset_seconds: Annotated[Gauge, Spec("The store's clock less this machine's")]
    store_seconds: Annotated[Histogram, Spec("Time of a store operation", ("operation",))]
    store_failures: Annotated[Counter, Spec("Store operations that failed", ("operation",))]
    broker_seconds: Annotated[Histogram, Spec("Time until a publish was confirmed", ("exchange",))]
    loop_lag_seconds: Annotated[Gauge, Spec("How late the event loop woke a sleeper, worst of the last seconds")]

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which no rule reads
        for name, (kind, spec) in catalogue().items():
            setattr(self, name, _made(kind, name, spec, self.registry))
        self._questions: list[Question] = []

    def ask(self, question: Question) -> None:
        """Asked from now on whenever the metrics are read."""
        self._questions.append(question)

    async def asked(self) -> None:
        """Returns when every question was answered, or could not be: then its gauges stay as they were."""
        asking = [asyncio.ensure_future(question()) for question in self._questions]
        if asking:
            _, late = await asyncio.wait(asking, timeout=ASKED_WITHIN)
            for one in late:
                one.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)


def catalogue() -> dict[str, tuple[type, Spec]]:
    """Name → kind and spec of every metric."""
    hints = get_type_hints(Metrics, include_extras=True)
    return {name: (args[0], args[1]) for name, hint in hints.items() if len(args := get_args(hint)) > 1}


def _made(kind: type, name: str, spec: Spec, registry: CollectorRegistry) -> object:
    if kind in {ByApp, AnswerTimes}:
        return kind(PREFIX + name, spec.text, spec.labels, registry)
    if kind is Histogram:
        return Histogram(PREFIX + name, spec.text, spec.labels, buckets=spec.buckets, registry=registry)
    if kind is Gauge:
        return Gauge(PREFIX + name, spec.text, spec.labels, registry=registry)
    return Counter(PREFIX + name, spec.text, spec.labels, registry=registry)
