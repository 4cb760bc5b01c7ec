"""One attempt at the devices of some chunks: requests out, outcomes in, verdicts, and at most two repeats at once.

Many requests in, many outcomes out; what the retry policy wants later is owed by the record.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from services.delivery.authorization import Authorizer
from services.delivery.catalog import Catalog, Credentialed
from services.delivery.job import Found, Job
from services.delivery.retry import Again, Ended, Later, Situation, decide
from services.delivery.tally import Tally, same_for_all
from services.delivery.transport.contract import Parcel, Transport
from shared.flow.device import Device
from shared.flow.identity import attempt_of
from shared.flow.record import Part
from shared.flow.verdict import (
    CredentialProblem,
    DelayRule,
    Fate,
    Outcome,
    Retry,
    Verdict,
)
from shared.providers.contract import AuthorizationRefused, Context, Headers, Origin, Provider, Request
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics

VARIANT_DELETED: Final = "variant_deleted"


@dataclass(frozen=True, slots=True)
class Wiring:
    """What attempts stand on."""

    provider: Provider[Any, Any]
    endpoints: BaseModel
    transport: Transport
    catalog: Catalog
    authorizer: Authorizer
    clock: Clock
    metrics: Metrics
    scale: float
    rng: random.Random


@dataclass(slots=True)
class _Batch:
    """One job on its way: the requests that wait for an outcome."""

    tally: Tally
    variant: Credentialed
    origin: Origin
    headers: Headers
    waiting: list[tuple[Device, Request]]
    authorization: str | None = None
    refused: str | None = None
    fresh: bool = False
    again: list[tuple[Device, Request]] = field(default_factory=list)


class Attempts:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring

    async def run(self, work: Sequence[tuple[Job, Found]]) -> list[Part]:
        """The record parts of these jobs, in order."""
        prepared = [await self._prepare(job, found) for job, found in work]
        batches = [one for one in prepared if isinstance(one, _Batch)]
        tries = 0
        while any(batch.waiting for batch in batches):
            tries += 1
            await self._round([batch for batch in batches if batch.waiting], tries)
        return [one.tally.part() if isinstance(one, _Batch) else one for one in prepared]

    async def _prepare(self, job: Job, found: Found) -> "_Batch | Part":
        """A job's requests; or its part at once, where nothing may or need be sent."""
        now = self._on.clock.now()
        if now >= job.send.deadline:
            return same_for_all(job, found, now, self._on.scale, Ended(Fate.EXPIRED))
        variant = await self._on.catalog.variant(job.send.app, job.route.variant)
        if variant is None:
            return same_for_all(job, found, now, self._on.scale, Ended(Fate.REJECTED, VARIANT_DELETED))
        send = job.send
        context = Context(send.key, send.id, send.deadline, now, send.request.duplicates)
        prepared = self._on.provider.prepare(send.request.message, variant.settings, context)
        origin = self._on.provider.origin(variant.settings, self._on.endpoints)
        tally = Tally(job, found, now, self._on.scale)
        batch = _Batch(tally, variant, origin, prepared.headers, [])
        for device in found.devices:
            request = prepared.request(device)
            if isinstance(request, Request):
                batch.waiting.append((device, request))
            else:
                tally.end(device.id, Ended(Fate.REJECTED, request.reason))
        return batch

    async def _round(self, batches: list[_Batch], tries: int) -> None:
        """Sends what waits and settles each outcome; what goes again at once is what waits next."""
        sendable = []
        for batch in batches:
            refusal = await self._authorize(batch)
            if refusal is None:
                sendable.append(batch)
            else:
                waiting, batch.waiting = batch.waiting, []
                for device, request in waiting:
                    self._settle(batch, device, request, None, refusal, tries)
        sent_at = self._on.clock.now()
        outcomes = await self._on.transport.send([self._parcel(batch) for batch in sendable])
        for batch, answers in zip(sendable, outcomes, strict=True):
            waiting, batch.waiting = batch.waiting, []
            batch.tally.now = self._on.clock.now()
            for (device, request), outcome in zip(waiting, answers, strict=True):
                verdict = self._on.provider.verdict(outcome, sent_at)
                self._settle(batch, device, request, outcome, verdict, tries)

    async def _authorize(self, batch: _Batch) -> Verdict | None:
        """Puts the authorization on a batch; or says what its failure means for all of it."""
        try:
            batch.authorization = await self._on.authorizer.value(batch.variant, batch.refused)
        except AuthorizationRefused as error:
            if error.permanent:
                return CredentialProblem(error.reason)
            return Retry(error.reason, DelayRule.NETWORK, provider_down=True)
        return None

    @staticmethod
    def _parcel(batch: _Batch) -> Parcel:
        authorization = (("authorization", batch.authorization),) if batch.authorization else ()
        requests = [request for _, request in batch.waiting]
        return Parcel(batch.origin, (*batch.headers, *authorization), requests, batch.fresh)

    def _settle(
        self, batch: _Batch, device: Device, request: Request, outcome: Outcome | None, verdict: Verdict, tries: int
    ) -> None:
        job = batch.tally.job
        situation = Situation(
            attempt=attempt_of(job.member),
            tries=tries,
            now=batch.tally.now,
            deadline=job.send.deadline,
            duplicates=job.send.request.duplicates,
            scale=self._on.scale,
        )
        decision = decide(verdict, situation, self._on.rng)
        if isinstance(decision, Again):
            batch.waiting.append((device, request))
            batch.fresh = True
            if decision.renew:
                batch.refused = batch.authorization
            return
        if isinstance(decision, Later):
            self._on.metrics.retries.labels(self._on.provider.name, _rule(verdict)).inc()
        batch.tally.add(device, outcome, verdict, decision)


def _rule(verdict: Verdict) -> str:
    return str(verdict.rule) if isinstance(verdict, Retry) else str(DelayRule.CREDENTIAL)
