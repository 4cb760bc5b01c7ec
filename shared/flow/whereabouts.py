"""Where in a plan a device is, and what the records of its chunks say of it. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import Field

from shared.flow.identity import attempt_of, member_id, retry_slice_id, shard_of, slice_id
from shared.flow.model import Travelling
from shared.flow.plan import Plan, ShardRange, chunk_of
from shared.flow.receipt import Receipts
from shared.flow.record import Part
from shared.flow.verdict import Fate

RETRY: Final = "retry"
OPEN: Final = "open"


class Attempt(Travelling):
    """One attempt at a device, as its chunk's record tells it."""

    attempt: int
    at: datetime = Field(description="when the chunk had its last answer")
    outcome: str = Field(description="an outcome of the report, or `retry`: another attempt was owed")
    reason: str = ""
    due: datetime | None = Field(default=None, description="of a retry: when the next attempt was due")


class Receipt(Travelling):
    """What became of one notification."""

    device: str
    variant: str
    platform: str
    outcome: str = Field(description="an outcome of the report, or `open`: another attempt is owed")
    reason: str = ""
    since: datetime | None = Field(default=None, description="the provider's own time for a dead token")
    provider_id: str | None = Field(default=None, description="what the provider calls the notification, where known")
    attempts: tuple[Attempt, ...]


Named = Callable[[str, str, bytes], str | None]
"""What a notification is called at a provider: platform, send key and device in."""


def chunks_for(plan: Plan, device: bytes) -> list[str] | None:
    """The first-attempt chunks that cover a device, one a route; None if a list has it, wherever it is there."""
    if any(route.pieces for route in plan.routes):
        return None
    shard = shard_of(device)
    found = []
    for number, route in enumerate(plan.routes):
        slice_ = min(max(bisect_right(route.bounds, shard) - 1, 0), len(route.chunks) - 1)
        for chunk in range(route.chunks[slice_]):
            where = chunk_of(route, slice_, chunk)
            if isinstance(where, ShardRange) and where.low <= shard < where.high:
                found.append(member_id(slice_id(plan.key, number, slice_), chunk))
    return found


def receipt_of(device: bytes, parts: Sequence[Part], receipts: Mapping[str, Receipts], named: Named) -> Receipt | None:
    """What these records say of a device, or None if none of them names it."""
    attempts: list[Attempt] = []
    last: Part | None = None
    ends: dict[str, Receipts] = dict(receipts)
    owed: dict[str, Attempt] = {}
    since, provider_id = None, None
    for part in sorted(parts, key=lambda one: attempt_of(one.member)):
        found = _in_part(device, part, ends.get(part.member), owed)
        if found is None:
            continue
        attempts.append(found)
        last = part
        since = next((one.since for one in part.undelivered if one.device == device), None)
        provider_id = _called(device, part, found, ends.get(part.member), named)
        owed = {
            member_id(retry_slice_id(part.member, debt.step), 0): found for debt in part.owed if device in debt.devices
        }
    if last is None:
        return None
    end = attempts[-1]
    return Receipt(
        device=device.hex(), variant=last.variant, platform=last.platform,
        outcome=OPEN if end.outcome == RETRY else end.outcome, reason=end.reason, since=since,
        provider_id=provider_id, attempts=tuple(attempts),
    )  # fmt: skip


def _in_part(device: bytes, part: Part, received: Receipts | None, owed: Mapping[str, Attempt]) -> Attempt | None:
    number, at = attempt_of(part.member), part.last_answer_at or part.looked_up_at
    for one in part.undelivered:
        if one.device == device:
            return Attempt(attempt=number, at=at, outcome=one.fate, reason=one.reason)
    for debt in part.owed:
        if device in debt.devices:
            return Attempt(attempt=number, at=at, outcome=RETRY, reason=debt.reason, due=debt.due)
    place = received.place(device) if received is not None else None
    if received is not None and place is not None:
        return Attempt(attempt=number, at=received.at(place) or at, outcome=Fate.DELIVERED)
    if part.member in owed:  # a retry accounts for every device that is owed it: who is not named was delivered to,
        fates = [one for one in part.counts if part.closing or one.fate is Fate.DELIVERED]  # or closed with all others
        return Attempt(attempt=number, at=at, outcome=fates[0].fate, reason=fates[0].reason) if fates else None
    return None


def _called(device: bytes, part: Part, found: Attempt, received: Receipts | None, named: Named) -> str | None:
    if found.outcome in (Fate.SUPPRESSED, Fate.EXPIRED, Fate.CANCELLED):
        return None
    place = received.place(device) if received is not None else None
    kept = received.name(place) if received is not None and place is not None else None
    return kept or named(part.platform, part.send, device)
