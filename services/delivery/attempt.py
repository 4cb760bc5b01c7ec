"""One attempt at the devices of some chunks: requests out, outcomes in, verdicts, and at most two repeats at once.

Many requests in, many outcomes out; what the retry policy wants later is owed by the record.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from services.delivery.authorization import Authorizer
from services.delivery.catalog import Catalog, Credentialed
from services.delivery.closing import patiently
from services.delivery.job import Found, Job
from services.delivery.retry import Again, Ended, Later, Situation, decide, too_late
from services.delivery.tally import Tally, same_for_all
from services.delivery.transport.contract import Parcel, Transport
from services.delivery.troubles import Troubles
from shared.flow.device import Device
from shared.flow.identity import attempt_of
from shared.flow.record import Part
from shared.flow.verdict import (
    CredentialProblem,
    DelayRule,
    Fate,
    Reauthorize,
    Retry,
    Verdict,
)
from shared.providers.contract import AuthorizationRefused, Context, Headers, Origin, Provider, Requests
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.store.errors import Unsealable

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
    """One job on its way: the requests that wait for an outcome, and the devices that they are for."""

    tally: Tally
    variant: Credentialed
    origin: Origin
    headers: Headers
    requests: Requests
    devices: Sequence[Device]
    authorization: str | None = None
    refused: str | None = None
    """The authorization that the provider just refused."""
    again: list[int] = field(default_factory=list)
    """The numbers of the requests that are repeated at once, on a fresh connection."""
    fresh: bool = False


class Attempts:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring
        self._troubles = Troubles(wiring.provider.name, wiring.metrics)

    async def run(self, work: Sequence[tuple[Job, Found]]) -> list[Part]:
        """The record parts of these jobs, in order."""
        prepared = [await self._prepare(job, found) for job, found in work]
        waiting = [one for one in prepared if isinstance(one, _Batch) and one.requests.count]
        tries = 0
        while waiting:
            tries += 1
            await self._round(waiting, tries)
            waiting = [_repeated(batch) for batch in waiting if batch.again]
        return [one.tally.part() if isinstance(one, _Batch) else one for one in prepared]

    async def _prepare(self, job: Job, found: Found) -> "_Batch | Part":
        """A job's requests; or its part at once, where nothing may or need be sent."""
        now = self._on.clock.now()
        if now >= job.send.deadline:
            return same_for_all(job, found, now, self._on.scale, too_late("", unknown=found.unknown))
        try:
            variant = await patiently(lambda: self._on.catalog.variant(job.send.app, job.route.variant))
        except (Unsealable, ValidationError):
            return self._unreadable(Tally(job, found, now, self._on.scale))
        if variant is None:
            return same_for_all(job, found, now, self._on.scale, Ended(Fate.REJECTED, VARIANT_DELETED))
        send = job.send
        context = Context(send.key, send.id, send.deadline, now, send.request.duplicates, job.route.variant)
        prepared = self._on.provider.prepare(send.request.message, variant.settings, context)
        made = prepared.requests(found.devices)
        tally = Tally(job, found, now, self._on.scale)
        for device, refusal in made.refused:
            tally.end(device.id, Ended(refusal.fate, refusal.reason))
        origin = self._on.provider.origin(variant.settings, self._on.endpoints)
        return _Batch(tally, variant, origin, prepared.headers, made.requests, made.devices)

    def _unreadable(self, tally: Tally) -> Part:
        """The variant's settings cannot be opened or understood here, say in the middle of a key rotation: later."""
        verdict = CredentialProblem("settings_unreadable")
        for device in tally.found.devices:
            decision = decide(verdict, self._situation(tally, tries=1), self._on.rng)
            if not isinstance(decision, Again):
                tally.add(device, verdict, decision)
        return tally.part()

    async def _round(self, batches: list[_Batch], tries: int) -> None:
        """Sends what waits and settles each outcome; only what was not answered 200 is looked at one by one."""
        sendable = []
        for batch in batches:
            problem = await self._authorize(batch)
            if problem is None:
                sendable.append(batch)
            else:
                for number in range(batch.requests.count):
                    self._settle(batch, number, problem, tries)
        sent_at = self._on.clock.now()
        results = await self._on.transport.send([_parcel(batch) for batch in sendable])
        now = self._on.clock.now()
        for batch, result in zip(sendable, results, strict=True):
            batch.tally.answers(result.ok, result.latency, now)
            for number, outcome in result.others:
                self._settle(batch, number, self._on.provider.verdict(outcome, sent_at), tries)

    async def _authorize(self, batch: _Batch) -> Verdict | None:
        """Puts the authorization on a batch; or says what its failure means for all of it."""
        try:
            batch.authorization = await self._on.authorizer.value(batch.variant, batch.refused)
        except AuthorizationRefused as error:
            if error.permanent:
                return CredentialProblem(error.reason)
            return Retry(error.reason, DelayRule.NETWORK, provider_down=True)
        return None

    def _settle(self, batch: _Batch, number: int, verdict: Verdict, tries: int) -> None:
        """Decides about one notification that was not simply accepted."""
        decision = decide(verdict, self._situation(batch.tally, tries), self._on.rng)
        if isinstance(verdict, CredentialProblem | Reauthorize) and not isinstance(decision, Again):
            self._troubles.warn(batch.variant.variant.id, verdict.reason)
        if isinstance(decision, Again):
            batch.again.append(number)
            batch.refused = batch.authorization if decision.renew else batch.refused
        else:
            if isinstance(decision, Later):
                self._on.metrics.retries.labels(self._on.provider.name, _rule(verdict)).inc()
            batch.tally.add(batch.devices[number], verdict, decision)

    def _situation(self, tally: Tally, tries: int) -> Situation:
        send = tally.job.send
        return Situation(
            attempt=attempt_of(tally.job.member),
            tries=tries,
            now=tally.now,
            deadline=send.deadline,
            duplicates=send.request.duplicates,
            scale=self._on.scale,
        )


def _parcel(batch: _Batch) -> Parcel:
    authorization = (("authorization", batch.authorization),) if batch.authorization else ()
    lane = batch.tally.job.send.lane
    return Parcel(batch.origin, (*batch.headers, *authorization), batch.requests, lane, batch.fresh)


def _repeated(batch: _Batch) -> _Batch:
    """The batch with only what goes again, on a fresh connection."""
    batch.requests = batch.requests.pick(batch.again)
    batch.devices = [batch.devices[number] for number in batch.again]
    batch.again, batch.fresh = [], True
    return batch


def _rule(verdict: Verdict) -> str:
    return str(verdict.rule) if isinstance(verdict, Retry) else str(DelayRule.CREDENTIAL)
