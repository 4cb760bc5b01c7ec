"""Decides what becomes of a request: a send with its routes, lane and deadline, or one rejected with its problems.

The same for HTTP and AMQP, and pure: who calls stores the lists first, then the send, then wakes the planner.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from shared.flow.audience import NAMED_INLINE, Audience
from shared.flow.lane import NOW_MAX, Lane, lane_for
from shared.flow.message import Message
from shared.flow.moment import whole_milliseconds
from shared.flow.recipients import cut_down, named_lists, personal_list, value_problems, without_repeats
from shared.flow.send import PERSONAL, Problem, ReceiptsKept, Route, Send, SendRequest, deadline_of
from shared.flow.stored_list import parts

Source = Literal["http", "amqp"]
MessageCheck = Callable[[Message, dict[str, Sequence[Any]]], Sequence[Problem]]
"""What is wrong with a message for the settings of these variants, by platform; pointers start at the message."""
UNREAD: Final = SendRequest(audience=Audience(devices=("0" * 24,)), message=Message())
"""Stands in a rejected send for its request, which may be of any size. It is never planned, and reaches nobody."""


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """A variant as far as it matters here; `settings` are its provider's, None if they cannot be read."""

    variant: str
    platform: str
    settings: Any = None


def accept(  # noqa: PLR0913  # all that the decision rests on, and nothing else
    request: SendRequest,
    app: str,
    key: str,
    variants: Sequence[RouteTarget],
    now: datetime,
    source: Source = "http",
    *,
    check: MessageCheck,
) -> Send:
    """The send; if it has problems, it is rejected and nothing of it is owed. `variants` are all that the app has."""
    audience = without_repeats(request.audience)
    targets, problems = _routed(audience, variants)
    problems += _lane_problems(request, audience)
    problems += value_problems(request)
    if "message" not in request.model_fields_set:
        problems.append(Problem(pointer="/message", detail="Field required"))
    problems += [
        Problem(pointer=f"/message{one.pointer}", detail=one.detail)
        for one in check(request.told(key.split(".", 1)[1]), _settings(targets or list(variants)))
    ]
    lists = {} if problems else lists_of(request)
    kept = cut_down(audience, NAMED_INLINE)
    if kept is not request.audience:
        values = None if PERSONAL in lists else request.values
        request = request.model_copy(update={"audience": kept, "values": values})
    return Send(
        key=key,
        app=app,
        request=UNREAD if problems else request,
        lane=lane_for(audience.named, request.lane),
        routes=() if problems else tuple(Route(variant=one.variant, platform=one.platform) for one in targets),
        small=audience.named is not None and audience.named <= NAMED_INLINE,
        accepted_at=whole_milliseconds(now),
        deadline=deadline_of(request, now),
        source=source,
        lists={name: tuple(map(len, parts(values))) for name, values in lists.items()},
        problems=tuple(problems),
    )


def lists_of(request: SendRequest) -> dict[str, tuple[str, ...]]:
    """What the store must hold before the send does, by list name; nothing if the send itself holds it."""
    if (request.audience.named or 0) <= NAMED_INLINE:
        return {}
    audience = without_repeats(request.audience)
    if (audience.named or 0) <= NAMED_INLINE:
        return {}
    if request.values is not None:
        return {PERSONAL: personal_list(audience, request.values)}
    return named_lists(audience)


def unread(app: str, key: str, problems: Sequence[Problem], now: datetime, source: Source = "amqp") -> Send:
    """A rejected send for a request that names its app and is no valid request."""
    return Send(
        key=key, app=app, request=UNREAD, lane=Lane.BULK, routes=(), small=True, accepted_at=whole_milliseconds(now),
        deadline=deadline_of(UNREAD, now), source=source, problems=tuple(problems),
    )  # fmt: skip


def purged(send: Send) -> Send:
    """What is left of a send when its app's retention is over: neither what it said nor whom it named."""
    left = UNREAD.model_copy(update={"dry_run": send.request.dry_run, "receipts": ReceiptsKept.NONE})
    return send.model_copy(update={"request": left, "lists": {}, "purged": True})


def _routed(audience: Audience, variants: Sequence[RouteTarget]) -> tuple[list[RouteTarget], list[Problem]]:
    known, platforms = {one.variant for one in variants}, {one.platform for one in variants}
    problems = [
        Problem(pointer=f"/audience/variants/{n}", detail="the app has no such variant")
        for n, one in enumerate(audience.variants)
        if one not in known
    ]
    problems += [
        Problem(pointer=f"/audience/platforms/{n}", detail="the app has no variant of such a platform")
        for n, one in enumerate(audience.platforms)
        if one not in platforms
    ]
    problems += [
        Problem(pointer=f"/audience/tokens/{_escaped(one)}", detail="the app has no such variant")
        for one in audience.tokens or ()
        if one not in known
    ]
    targets = [one for one in variants if _kept(audience, one)]
    if not targets and not problems:
        detail = "no variant of the app is left" if variants else "the app has no variant yet"
        problems.append(Problem(pointer="/audience", detail=detail))
    return targets, problems


def _kept(audience: Audience, target: RouteTarget) -> bool:
    if audience.tokens is not None:
        return target.variant in audience.tokens
    return (not audience.variants or target.variant in audience.variants) and (
        not audience.platforms or target.platform in audience.platforms
    )


def _lane_problems(request: SendRequest, audience: Audience) -> list[Problem]:
    if request.lane is not Lane.NOW or (audience.named is not None and audience.named <= NOW_MAX):
        return []
    detail = f"a request may raise a send to now for at most {NOW_MAX:,} named recipients"
    return [Problem(pointer="/lane", detail=detail)]


def _settings(targets: Sequence[RouteTarget]) -> dict[str, Sequence[Any]]:
    """By platform; a platform without readable settings is still there, so that its rules are applied."""
    return {
        platform: [one.settings for one in targets if one.platform == platform and one.settings is not None]
        for platform in {one.platform for one in targets}
    }


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
