"""A backend asks how many devices an audience has before it sends to them."""

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from pydantic import Field

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import field_invalid, invalid
from shared.flow.accept import Terms, accept
from shared.flow.audience import Audience
from shared.flow.identity import send_key
from shared.flow.message import Message
from shared.flow.model import Travelling
from shared.flow.recipients import without_repeats
from shared.flow.resolving import resolved
from shared.flow.send import Route, Send, SendRequest
from shared.roster import canonical
from shared.store.filtering import SCAN
from shared.store.survey import CLOSE, Surveyed

KEY: Final = "estimate"
WIDE: Final = 3
"""So many examined for each that fits are what an index costs; more is said."""


class Estimate(Travelling):
    """The audience in question, as a send would have it."""

    audience: Audience


class VariantEstimate(Travelling):
    """One variant's part."""

    variant: str
    platform: str
    devices: int
    examined: int = Field(description="index entries or devices that looking all of them up would look at")
    exact: bool = Field(description="counted, not estimated from a sample")
    why: str = Field(default="", description="why more than 3 have to be examined for each that fits")


class EstimateView(Travelling):
    """About how many devices an audience has now. Whom `exclude` names is counted: a send counts them, too."""

    devices: int
    examined: int
    exact: bool
    platforms: dict[str, int]
    variants: tuple[VariantEstimate, ...]


async def estimate(desk: Desk, call: Call) -> Reply:
    """Counted where that is quick, else estimated from samples."""
    wanted: Estimate = call.body
    if wanted.audience.provider_kept is not None:
        raise field_invalid("/audience", "who subscribed to a topic or channel is known to the provider alone")
    roster = await desk.rosters.of(call.app, fresh=True)
    request = canonical(SendRequest(audience=wanted.audience, message=Message(), confirm=True), roster.targets)
    segments = (await desk.terms.of(call.app, request, roster)).segments
    send = accept(
        request, call.app, send_key(call.app, KEY), roster.targets, desk.now(),
        check=lambda *_: (), terms=Terms(segments=segments),
    )  # fmt: skip
    if send.problems:
        raise invalid(send.problems)
    audience, _ = resolved(without_repeats(request.audience), segments, desk.now())
    found = [(one, await _surveyed(desk, send, one, audience)) for one in send.routes]
    return Reply(HTTPStatus.OK, _view(found, audience))


async def _surveyed(desk: Desk, send: Send, route: Route, audience: Audience) -> Surveyed:
    if audience.tokens is not None:
        named = len(audience.tokens[route.variant])
        return Surveyed(named, named, SCAN, exact=True)
    if audience.named is not None:
        return await desk.store.survey.named(send.app, route.variant, audience)
    found = await desk.store.survey.of(send.app, route.variant, audience, send.key, CLOSE)
    return await desk.store.survey.chunked(send.app, route.variant, audience, found)


def _view(found: Iterable[tuple[Route, Surveyed]], audience: Audience) -> EstimateView:
    platforms: Counter[str] = Counter()
    variants = []
    for route, one in found:
        platforms[route.platform] += one.matched
        variants.append(
            VariantEstimate(
                variant=route.variant, platform=route.platform, devices=one.matched, examined=one.examined,
                exact=one.exact, why=why_many(one, audience),
            )
        )  # fmt: skip
    return EstimateView(
        devices=sum(one.devices for one in variants),
        examined=sum(one.examined for one in variants),
        exact=all(one.exact for one in variants),
        platforms=dict(platforms),
        variants=tuple(variants),
    )


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
