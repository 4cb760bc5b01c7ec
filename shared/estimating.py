"""Says about how many devices an audience has before anything is sent to it, over HTTP and AMQP alike."""

from dataclasses import dataclass
from typing import Final

from shared.flow.accept import Terms, accept
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateView, summed
from shared.flow.identity import send_key
from shared.flow.message import Message
from shared.flow.recipients import without_repeats
from shared.flow.resolving import resolved
from shared.flow.send import Problem, Route, Send, SendRequest
from shared.refusal import Unacceptable
from shared.roster import Rosters, canonical
from shared.runtime.clock import Time
from shared.store.connection import Store
from shared.store.filtering import SCAN
from shared.store.survey import CLOSE, Surveyed
from shared.terms import TermsBook

KEY: Final = "estimate"
WIDE: Final = 3
"""So many examined for each that fits are what an index costs; more is said."""


@dataclass(frozen=True, slots=True)
class Estimating:
    """Lives as long as the process, or as one request."""

    store: Store
    rosters: Rosters
    terms: TermsBook
    clock: Time

    async def of(self, app: str, wanted: Audience) -> EstimateView:
        """Counted where that is quick, else estimated from samples. Raises `Unacceptable`."""
        if wanted.provider_kept is not None:
            detail = "who subscribed to a topic or channel is known to the provider alone"
            raise Unacceptable([Problem(pointer="/audience", detail=detail)])
        roster = await self.rosters.of(app, fresh=True)
        request = canonical(SendRequest(audience=wanted, message=Message(), confirm=True), roster.targets)
        segments = (await self.terms.of(app, request, roster)).segments
        now = self.clock.now()
        send = accept(
            request, app, send_key(app, KEY), roster.targets, now,
            check=lambda *_: (), terms=Terms(segments=segments),
        )  # fmt: skip
        if send.problems:
            raise Unacceptable(send.problems)
        audience, _ = resolved(without_repeats(request.audience), segments, now)
        found = [(one, await self._surveyed(send, one, audience)) for one in send.routes]
        return summed((route, one, why_many(one, audience)) for route, one in found)

    async def _surveyed(self, send: Send, route: Route, audience: Audience) -> Surveyed:
        if audience.tokens is not None:
            named = len(audience.tokens[route.variant])
            return Surveyed(named, named, SCAN, exact=True)
        if audience.named is not None:
            return await self.store.survey.named(send.app, route.variant, audience)
        found = await self.store.survey.of(send.app, route.variant, audience, send.key, CLOSE)
        return await self.store.survey.chunked(send.app, route.variant, audience, found)


def why_many(one: Surveyed, audience: Audience) -> str:
    """Why more than 3 are looked at for each that fits; empty if they are not."""
    if one.examined <= WIDE * max(one.matched, 1):
        return ""
    if audience.named is not None:
        return "of the recipients that are named, few fit the other conditions"
    if one.look == SCAN:
        return "no condition narrows it by the index of facets to fewer; every device of the variant is looked at"
    if one.examined - one.apart <= WIDE * max(one.matched, 1):
        return "the narrowest condition has many values, and each chunk of a send looks once for every one of them"
    return "the devices that the narrowest condition has are looked at, and few of them fit the others"
