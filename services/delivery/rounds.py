"""Sends flights round by round until nothing is to be repeated at once, and settles what was not simply accepted."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from services.delivery import traced
from services.delivery.authorization import Authorizer
from services.delivery.capping import Capping
from services.delivery.catalog import Catalog
from services.delivery.flight import Flight
from services.delivery.leftovers import Leftovers
from services.delivery.pacing import Pacing
from services.delivery.parking import Parking
from services.delivery.retry import Again, Later, Situation, decide
from services.delivery.routes import Routes
from services.delivery.signs import Sign, sign_of
from services.delivery.tally import Tally
from services.delivery.transport.contract import Results
from services.delivery.troubles import Troubles
from shared.flow.identity import attempt_of
from shared.flow.verdict import CredentialProblem, DelayRule, Outcome, Retry, Verdict
from shared.providers.contract import AuthorizationRefused, Provider
from shared.runtime.clock import Clock
from shared.runtime.metrics import Metrics
from shared.runtime.tracing import Tracing, carried

NO_MORE: Final = 1 << 30
"""Tries, where nothing can be repeated at once any more."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What attempts stand on."""

    provider: Provider[Any, Any]
    endpoints: BaseModel
    pacing: Pacing
    catalog: Catalog
    authorizer: Authorizer
    clock: Clock
    metrics: Metrics
    scale: float
    rng: random.Random
    parking: Parking
    routes: Routes
    capping: Capping
    tracing: Tracing | None = None


class Rounds:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring
        self._troubles = Troubles(wiring.provider.name, wiring.metrics)
        self.leftovers = Leftovers(wiring.scale)

    async def run(self, flights: list[Flight]) -> None:
        """Until nothing is to be repeated at once."""
        tries = 0
        while flights:
            tries += 1
            await self._round(flights, tries)
            flights = [flight.repeated() for flight in flights if flight.again]

    async def _round(self, flights: list[Flight], tries: int) -> None:
        """Sends what waits and settles each outcome; only what was not answered 200 is looked at one by one."""
        sendable = []
        for flight in flights:
            problem = await self._authorize(flight)
            if problem is None:
                sendable.append(flight)
            else:
                self.settle_all(flight, problem, tries)
        sent_at = self._on.clock.now()
        may_leave = self.leftovers.may_leave(sendable, sent_at)
        results = await self._sent(sendable, may_leave=may_leave)
        for flight, result in zip(sendable, results, strict=True):
            ended = result
            flight.tally.now = self._on.clock.now()
            if result.later is not None and not self.leftovers.leave(flight, result, sent_at):
                ended = await result.whole()
            self._ended(flight, ended, sent_at, tries)

    async def _sent(self, flights: Sequence[Flight], *, may_leave: bool) -> list[Results]:
        """What the transport makes of them; with a span for each call whose send is sampled."""
        sampled = traced.calls(flights, carried()) if self._on.tracing is not None else []
        if self._on.tracing is None or not sampled:
            return await self._on.pacing.send(flights, may_leave=may_leave)
        name = f"{self._on.provider.name} send"
        with self._on.tracing.steps(name, "client", [step for _, step in sampled]) as spans:
            results = await self._on.pacing.send(flights, may_leave=may_leave)
            for place, (number, _) in enumerate(sampled):
                spans.tell(place, traced.came_of(results[number]))
        return results

    def late(self, flight: Flight, result: Results, sent_at: datetime) -> None:
        """What came of requests that were not waited for."""
        self._ended(flight, result, sent_at, NO_MORE)

    def _ended(self, flight: Flight, result: Results, sent_at: datetime, tries: int) -> None:
        flight.fine = flight.fine or result.ok > 0
        flight.tally.answers(result.ok, result.latency, self._on.clock.now())
        flight.receive(result, self._on.provider.message_name)
        where = self.situation(flight.tally, tries)
        for number, outcome in result.others:
            self._settle(flight, number, self._on.provider.verdict(outcome, sent_at), outcome, where)

    async def _authorize(self, flight: Flight) -> Verdict | None:
        """Puts the authorization on a flight; or says what its failure means for all of it."""
        try:
            flight.authorization = await self._on.authorizer.value(flight.variant, flight.stale)
        except AuthorizationRefused as error:
            if error.permanent:
                return CredentialProblem(error.reason)
            return Retry(error.reason, DelayRule.NETWORK, provider_down=True)
        return None

    def _settle(self, flight: Flight, number: int, verdict: Verdict, outcome: Outcome | None, where: Situation) -> None:
        """Decides about one notification that was not simply accepted."""
        decision = decide(verdict, where, self._on.rng)
        if isinstance(decision, Again):
            flight.again.append(number)
            flight.stale = flight.authorization if decision.renew else flight.stale
            return
        sign = sign_of(verdict, outcome, aside=flight.aside)
        flight.note(sign, verdict)
        if sign is Sign.REFUSED or isinstance(verdict, CredentialProblem):
            self._troubles.warn(flight.variant.variant.id, getattr(verdict, "reason", ""))
        if isinstance(decision, Later):
            self._on.metrics.retries.labels(self._on.provider.name, _rule(verdict)).inc()
        flight.tally.add(flight.devices[number], verdict, decision)

    def situation(self, tally: Tally, tries: int) -> Situation:
        """Where the notifications of a chunk stand."""
        send = tally.job.send
        return Situation(
            attempt=attempt_of(tally.job.member) - tally.found.holds,
            tries=tries,
            now=tally.now,
            deadline=send.deadline,
            duplicates=send.request.duplicates,
            scale=self._on.scale,
        )

    def settle_all(self, flight: Flight, verdict: Verdict, tries: int) -> None:
        """As if this had come of every request."""
        where = self.situation(flight.tally, tries)
        for number in range(flight.requests.count):
            self._settle(flight, number, verdict, None, where)


def _rule(verdict: Verdict) -> str:
    return str(verdict.rule) if isinstance(verdict, Retry) else str(DelayRule.CREDENTIAL)
