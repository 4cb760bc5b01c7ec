"""The sends that a repeated send becomes: which is due, and what it is. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.flow.accept import RouteTarget, kept
from shared.flow.audience import NAMED_INLINE
from shared.flow.identity import send_key
from shared.flow.moment import whole_milliseconds
from shared.flow.resolving import at_moment
from shared.flow.send import Route, Send
from shared.flow.timing import deadline_of, missed

LONGEST: Final = 46
"""Characters of an id that leave room for a moment in the ids of its sends, which have at most 64."""


def due(parent: Send, now: datetime, since: datetime) -> datetime | None:
    """The moment whose send is to be there now; `since`: not before this.

    Only the last: after a time in which no planner was there, the ones before it are not made up for.
    """
    repeat = parent.request.repeat
    last = repeat.last(now) if repeat is not None else None
    if last is None or last < since or missed(last, parent.request.tolerance, now):
        return None
    return last


def repetition(parent: Send, moment: datetime, now: datetime, variants: Sequence[RouteTarget]) -> Send:
    """The send of one moment. Whoever makes it, it has the same id, so there is only one."""
    audience = at_moment(parent.request.audience, moment)
    request = parent.request.model_copy(update={"repeat": None, "send_at": moment, "audience": audience})
    targets = [Route(variant=one.variant, platform=one.platform) for one in kept(request.audience, variants)]
    return Send(
        key=send_key(parent.app, id_of(parent.id, moment)), app=parent.app, request=request, lane=parent.lane,
        routes=tuple(targets) or parent.routes, accepted_at=whole_milliseconds(now), begins_at=moment,
        small=not parent.walks_lists and (request.audience.named or NAMED_INLINE + 1) <= NAMED_INLINE,
        deadline=deadline_of(request, moment), source=parent.source, lists=parent.lists,
        lists_of=parent.lists_name if parent.lists else "", opt_in=parent.opt_in, cap=parent.cap,
        stale_before=parent.stale_before and parent.stale_before + (moment - (parent.begins_at or parent.accepted_at)),
    )  # fmt: skip


def id_of(parent: str, moment: datetime) -> str:
    """The parent's id and the moment, in UTC."""
    if len(parent) > LONGEST:
        parent = parent[:33] + hashlib.blake2b(parent.encode(), digest_size=6).hexdigest()
    return f"{parent}-{moment:%Y%m%dT%H%MZ}"
