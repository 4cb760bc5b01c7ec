"""Decides what becomes of a request: a send with its routes, lane and deadline, or one rejected with its problems.

The same for HTTP and AMQP, and pure: who calls stores the lists first, then the send, then wakes the planner.

Long, because every rule that a request can break is asked here, in one order, for both doors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from shared.flow.audience import NAMED_INLINE, Audience
from shared.flow.filter import Filter
from shared.flow.lane import NOW_MAX, Lane, lane_for
from shared.flow.message import Message
from shared.flow.moment import whole_milliseconds
from shared.flow.recipients import (
    cut_down,
    excluded_cut_down,
    excluded_lists,
    named_lists,
    personal_list,
    value_problems,
    without_repeats,
)
from shared.flow.resolving import possible, resolved
from shared.flow.rules import Rules
from shared.flow.send import PERSONAL, Problem, ReceiptsKept, Route, Send, SendRequest
from shared.flow.size import message_problems
from shared.flow.stored_list import parts
from shared.flow.timing import begins_at, deadline_of, untimely

Source = Literal["http", "amqp"]
MessageCheck = Callable[[Message, dict[str, Sequence[Any]], str], Sequence[Problem]]
"""What is wrong with a message for the settings of these variants, by platform, and for this kind of target (`token`,
or what providers keep); pointers start at the message."""
UNREAD: Final = SendRequest(audience=Audience(devices=("0" * 24,)), message=Message())
"""Stands in a rejected send for its request, which may be of any size. It is never planned, and reaches nobody."""


@dataclass(frozen=True, slots=True)
class RouteTarget:
    """A variant as far as it matters here; `settings` are its provider's, None if they cannot be read."""

    variant: str
    platform: str
    settings: Any = None
    keeps: frozenset[str] = frozenset()
    """What its provider keeps for it: topics, conditions, channels."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What else of the app a decision rests on: its rules, the segments that the request names, and its reach."""

    rules: Rules = Rules()  # noqa: RUF009  # it is frozen
    segments: Mapping[str, Filter] = field(default_factory=dict)
    reach: int = 0
    """About how many devices it would reach, if the rules ask for that."""


NO_TERMS: Final = Terms()


def accept(  # noqa: PLR0913  # all that the decision rests on, and nothing else
    request: SendRequest,
    app: str,
    key: str,
    variants: Sequence[RouteTarget],
    now: datetime,
    source: Source = "http",
    *,
    check: MessageCheck,
    terms: Terms = NO_TERMS,
) -> Send:
    """The send; if it has problems, it is rejected and nothing of it is owed. `variants` are all that the app has."""
    wrong = untimely(request, now)
    begins = None if wrong else begins_at(request, now)
    asked_at = begins or now if request.repeat is None else None  # else of each moment anew
    audience, problems = resolved(without_repeats(request.audience), terms.segments, asked_at)
    targets, more = _routed(audience, variants)
    problems += more
    problems += _unconfirmed(request, terms)
    if audience.provider_kept is not None:
        problems += _not_for_topics(request.message)
    problems += _lane_problems(request, audience) + _pace_problems(request, audience)
    problems += [Problem(pointer=f"/{field}", detail=detail) for field, detail in wrong]
    problems += value_problems(request)
    if "message" not in request.model_fields_set:
        problems.append(Problem(pointer="/message", detail="Field required"))
    problems += [
        Problem(pointer=f"/message{one.pointer}", detail=one.detail)
        for one in check(request.told(key.split(".", 1)[1]), _settings(targets or list(variants)), _kind(audience))
    ]
    problems += message_problems(request)
    lists = {} if problems else lists_of(request)
    shortened = excluded_cut_down(cut_down(audience, NAMED_INLINE), NAMED_INLINE)
    if shortened is not request.audience:
        values = None if PERSONAL in lists else request.values
        request = request.model_copy(update={"audience": shortened, "values": values})
    return Send(
        key=key,
        app=app,
        request=UNREAD if problems else request,
        lane=lane_for(audience.named, request.lane),
        routes=() if problems else tuple(Route(variant=one.variant, platform=one.platform) for one in targets),
        small=audience.named is not None and audience.named <= NAMED_INLINE and request.repeat is None,
        accepted_at=whole_milliseconds(now),
        begins_at=None if problems else begins,
        deadline=deadline_of(UNREAD if wrong else request, begins or now),
        source=source,
        lists={name: tuple(map(len, parts(values))) for name, values in lists.items()},
        stale_before=_stale_before(request, terms.rules, begins or now),
        opt_in=request.category is not None and request.category in terms.rules.opt_in,
        # of a topic or channel nobody knows the users: it is no recipient that could have had enough
        cap=None if request.critical or audience.provider_kept else terms.rules.caps.get(request.category or ""),
        problems=tuple(problems),
    )


def lists_of(request: SendRequest) -> dict[str, tuple[str, ...]]:
    """What the store must hold before the send does, by list name; nothing if the send itself holds it."""
    left_out = request.audience.exclude.count > NAMED_INLINE
    lists = excluded_lists(request.audience) if left_out else {}
    if (request.audience.named or 0) <= NAMED_INLINE:
        return lists
    audience = without_repeats(request.audience)
    if (audience.named or 0) <= NAMED_INLINE:
        return lists
    if request.values is not None:
        return lists | {PERSONAL: personal_list(audience, request.values)}
    return lists | named_lists(audience)


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
    targets = kept(audience, variants)
    if not targets and not problems:
        detail = "no variant of the app is left" if variants else "the app has no variant yet"
        if audience.provider_kept is not None and variants:
            detail = f"no variant of the app is left that has a {_kind(audience)} to send to"
        problems.append(Problem(pointer="/audience", detail=detail))
    return targets, problems


def kept(audience: Audience, variants: Sequence[RouteTarget]) -> list[RouteTarget]:
    """Those of an app's variants that the audience is about."""
    return [one for one in variants if _kept(audience, one)]


def _kept(audience: Audience, target: RouteTarget) -> bool:
    if audience.tokens is not None:
        return target.variant in audience.tokens
    return (
        (audience.provider_kept is None or _kind(audience) in target.keeps)
        and possible(audience.filter, target.platform)
        and (not audience.variants or target.variant in audience.variants)
        and (not audience.platforms or target.platform in audience.platforms)
    )


def _kind(audience: Audience) -> str:
    return "token" if audience.provider_kept is None else audience.provider_kept[0]


def _not_for_topics(message: Message) -> list[Problem]:
    said = {"template": message.template, "localized": bool(message.localized)}
    return [
        Problem(
            pointer=f"/message/{name}",
            detail="only the provider knows who gets it: nothing to choose by",
        )
        for name, given in said.items()
        if given
    ]


def _unconfirmed(request: SendRequest, terms: Terms) -> list[Problem]:
    most = terms.rules.confirm_above
    if most is None or request.confirm or terms.reach <= most:
        return []
    detail = f"it would reach about {terms.reach:,} devices; above {most:,} the app asks for confirm: true"
    return [Problem(pointer="/confirm", detail=detail)]


def _stale_before(request: SendRequest, rules: Rules, now: datetime) -> datetime | None:
    days = request.stale_after_days or rules.stale_after_days
    return whole_milliseconds(now - timedelta(days=days)) if days is not None else None


def _lane_problems(request: SendRequest, audience: Audience) -> list[Problem]:
    if request.lane is not Lane.NOW or (audience.named is not None and audience.named <= NOW_MAX):
        return []
    detail = f"a request may raise a send to now for at most {NOW_MAX:,} named recipients"
    return [Problem(pointer="/lane", detail=detail)]


def _pace_problems(request: SendRequest, audience: Audience) -> list[Problem]:
    if audience.named is None or audience.named > NAMED_INLINE:
        return []
    detail = f"a send to at most {NAMED_INLINE} named recipients goes at once"
    fields = {"per_minute": request.per_minute, "canary": request.canary}
    return [Problem(pointer=f"/{name}", detail=detail) for name, value in fields.items() if value is not None]


def _settings(targets: Sequence[RouteTarget]) -> dict[str, Sequence[Any]]:
    """By platform; a platform without readable settings is still there, so that its rules are applied."""
    return {
        platform: [one.settings for one in targets if one.platform == platform and one.settings is not None]
        for platform in {one.platform for one in targets}
    }


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
