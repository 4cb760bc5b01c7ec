"""One attempt at the devices of some chunks: made ready, tried by one where that is wise, sent, and judged.

Many requests in, many outcomes out; what the retry policy wants later is owed by the record.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.delivery.breaker import Breaker
from services.delivery.catalog import Unreadable
from services.delivery.closing import patiently
from services.delivery.flight import Flight, Postponed
from services.delivery.holding import to_send_now
from services.delivery.job import Found, Job
from services.delivery.parking import UNREADABLE
from services.delivery.retry import Again, Ended, decide, too_late
from services.delivery.rounds import Rounds, Wiring
from services.delivery.tally import Tally, same_for_all
from services.delivery.transport.contract import Results
from shared.flow.device import Device
from shared.flow.record import Part
from shared.flow.send import Send
from shared.flow.verdict import CredentialProblem, DelayRule, Fate, Retry, Verdict
from shared.providers.contract import Context
from shared.providers.localized import prepared as prepare

VARIANT_DELETED: Final = "variant_deleted"


class Attempts:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, wiring: Wiring) -> None:
        self._on = wiring
        self._rounds = Rounds(wiring)
        self.leftovers = self._rounds.leftovers
        """What parts that were returned owe, while its outcome may still come."""

    def late(self, flight: Flight, result: Results, sent_at: datetime) -> None:
        """Judges what came of requests that were not waited for. Their route was told of them when they were left."""
        self._rounds.late(flight, result, sent_at)

    async def run(self, work: Sequence[tuple[Job, Found]]) -> list[Part | Postponed]:
        """The record parts of these jobs, in order; or that a job waits, unrecorded, as its variant is parked."""
        prepared = [await self._prepare(job, found) for job, found in work]
        whole = [one for one in prepared if isinstance(one, Flight) and one.requests.count]
        capped = [one for one in whole if one.tally.job.send.cap is not None]
        if capped:
            await patiently(lambda: self._on.capping.admit(capped))
            for one in capped:
                if self._unasked(one.tally.job.send):
                    one.tally.unasked(one.devices)
                    one.drop()
            whole = [one for one in whole if one.requests.count]
        flights = self._on.routes.budgets.admit(whole)
        if doubtful := sum(flight.asked for flight in flights if flight.tally.found.unknown):
            self._on.metrics.duplicates.labels("notification").inc(doubtful)
        self._on.routes.used(flights)
        parked = [one for one in flights if one.variant.parked is not None]
        for flight in parked:
            await self._probe(flight, flights)
        for flight in flights:
            breaker = self._on.routes.open(flight)
            if breaker is not None and flight.held is None and flight.requests.count:
                await self._try(flight, breaker, flights)
        await self._rounds.run([one for one in flights if one.held is None and one.requests.count])
        going = [one for one in flights if one.held is None]
        self._on.routes.heard(going)
        await self._on.parking.judge(going)
        self._on.routes.budgets.heard(flights)
        await self._on.routes.tell()
        if back := [one for one in capped if one.held is not None]:
            await patiently(lambda: self._on.capping.give_back(back))
        return [one.end() if isinstance(one, Flight) else one for one in prepared]

    async def _prepare(self, job: Job, found: Found) -> Flight | Part | Postponed:
        """A job's requests; or its part at once, where nothing may or need be sent."""
        now = self._on.clock.now()
        if now >= job.send.deadline:
            return same_for_all(job, found, now, self._on.scale, too_late("", unknown=found.unknown))
        variant = await patiently(lambda: self._on.catalog.variant(job.send.app, job.route.variant))
        if variant is None:
            return same_for_all(job, found, now, self._on.scale, Ended(Fate.REJECTED, VARIANT_DELETED))
        tally = Tally(job, found, now, self._on.scale)
        devices = to_send_now(tally, found.devices)
        if isinstance(variant, Unreadable):
            return await self._unreadable(tally, variant, devices)
        send = tally.job.send
        dry_run, provider = send.request.dry_run, self._on.provider
        kept = send.request.audience.provider_kept
        context = Context(
            send.key, send.id, send.deadline, now, send.request.duplicates, job.route.variant, dry_run,
            *(("token", "") if kept is None else kept),
        )  # fmt: skip
        prepared = prepare(provider, send.request.told(send.id), variant.settings, context)
        made = prepared.requests(devices)
        for device, refusal in made.refused:
            tally.end(device.id, Ended(refusal.fate, refusal.reason))
        if self._unasked(send) and send.cap is None:  # our own checks are all that there are
            tally.unasked(made.devices)
            return tally.part()
        origin = provider.origin(variant.settings, self._on.endpoints)
        return Flight(tally, variant, origin, prepared.headers, made.requests, made.devices, prepared.aside)

    def _unasked(self, send: Send) -> bool:
        """Whether nobody is asked: a dry run, of a platform that cannot check a message."""
        return send.request.dry_run and not self._on.provider.validates

    async def _unreadable(self, tally: Tally, known: Unreadable, devices: Sequence[Device]) -> Part | Postponed:
        """Nothing can be sent: later."""
        until = await self._on.parking.unreadable(known, tally.job, len(devices)) if devices else None
        if until is not None:
            return Postponed(tally.job.member, until)
        verdict = CredentialProblem(UNREADABLE)
        for device in devices:
            decision = decide(verdict, self._rounds.situation(tally, tries=1), self._on.rng)
            if not isinstance(decision, Again):
                tally.add(device, verdict, decision)
        return tally.part()

    async def _probe(self, flight: Flight, flights: Sequence[Flight]) -> None:
        """Of a parked variant one notification is tried, if it is time; the rest goes only if that was not refused."""
        parked = flight.variant.parked
        if parked is None or flight.held is not None:
            return  # resumed by the one before it in this bundle
        same = [one for one in flights if one.variant.parked == parked]
        if not await self._on.parking.take_probe(parked):
            for one in same:
                one.held = self._on.parking.look(parked)
            return
        first = flight.first()
        await self._rounds.run([first])
        if first.fine:
            await self._on.parking.resume(parked)
            for one in same:
                one.variant = replace(one.variant, parked=None)
            return
        if first.throttled:
            await self._on.parking.put_off(parked, first.after)
        for one in same:
            one.held = self._on.parking.look(parked)
        if not first.refused:  # nobody knows: what became of it is recorded, and the rest owed
            flight.held = None
            self._owe_the_rest(flight, CredentialProblem(parked.reason))

    async def _try(self, flight: Flight, breaker: Breaker, flights: Sequence[Flight]) -> None:
        """By an open route one notification is tried, if it is time; the rest goes only if that got an answer."""
        same = [one for one in flights if one.origin == flight.origin and one.held is None]
        if self._on.routes.take(breaker):
            first = flight.first()
            await self._rounds.run([first])
            self._on.routes.heard([first])
            if breaker.until is None:
                return
            if first.unknown or not first.down:  # its end is recorded, and the rest owed
                same.remove(flight)
                self._owe_the_rest(flight, Retry("route_down", DelayRule.UNPROCESSED))
        for one in same:
            one.held = self._on.routes.look(breaker.until or self._on.clock.now())

    def _owe_the_rest(self, flight: Flight, verdict: Verdict) -> None:
        """As if this had come of every request that was not sent."""
        self._rounds.settle_all(flight, verdict, tries=1)
        flight.drop()
