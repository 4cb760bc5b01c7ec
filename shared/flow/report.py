"""The report is the sum of a send's records: nothing is ever incremented, so nothing can be counted twice."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.flow.model import Travelling
from shared.flow.plan import Plan
from shared.flow.record import Part
from shared.flow.verdict import Fate

State = Literal["scheduled", "accepted", "running", "finished", "rejected"]
Where = tuple[str, str]
"""Variant and platform."""


class Outcomes(Travelling):
    """How many notifications, and what became of them; `open` is what has no verdict yet."""

    planned: int = 0
    delivered: int = 0
    rejected: int = 0
    unregistered: int = 0
    expired: int = 0
    suppressed: int = 0
    cancelled: int = 0
    failed: int = 0
    open: int = 0
    reasons: dict[str, dict[str, int]] = Field(default_factory=dict, description="by fate, then reason")


class VariantOutcomes(Outcomes):
    """The outcomes of one variant."""

    variant: str
    platform: str


class Report(Travelling):
    """What became of a send. Exact when `state` is finished: planned is the sum of all outcomes."""

    state: State
    total: Outcomes
    variants: tuple[VariantOutcomes, ...] = ()
    chunks: int = 0
    chunks_recorded: int = 0
    retries: int = 0
    retries_recorded: int = 0
    accepted_at: datetime | None = None
    first_answer_at: datetime | None = None
    last_answer_at: datetime | None = None
    finished_at: datetime | None = None
    dry_run: bool = Field(default=False, description="nobody was reached: delivered means that it would have been sent")


@dataclass(frozen=True, slots=True)
class Sum:
    """Records summed: associative and commutative, so it does not matter in what order or grouping they are folded."""

    chunks: int = 0
    retries: int = 0
    owed_steps: int = 0
    matched: Counter[tuple[str, str]] = field(default_factory=Counter)
    counts: Counter[tuple[str, str, Fate, str]] = field(default_factory=Counter)
    latency: tuple[int, ...] = ()
    first_answer_at: datetime | None = None
    last_answer_at: datetime | None = None

    def __add__(self, other: "Sum") -> "Sum":
        """The sum of both."""
        return Sum(
            self.chunks + other.chunks,
            self.retries + other.retries,
            self.owed_steps + other.owed_steps,
            self.matched + other.matched,
            self.counts + other.counts,
            _added(self.latency, other.latency),
            min((t for t in (self.first_answer_at, other.first_answer_at) if t), default=None),
            max((t for t in (self.last_answer_at, other.last_answer_at) if t), default=None),
        )


def sum_of(part: Part) -> Sum:
    """One chunk as a sum."""
    where = (part.variant, part.platform)
    return Sum(
        chunks=int(part.first),
        retries=int(not part.first),
        owed_steps=len(part.owed),
        matched=Counter({where: part.matched}) if part.first and part.matched else Counter(),
        counts=Counter({(*where, c.fate, c.reason): c.n for c in part.counts}),
        latency=part.latency,
        first_answer_at=part.first_answer_at,
        last_answer_at=part.last_answer_at,
    )


def counted(plan: Plan) -> Sum:
    """What a send closed before it was planned holds: devices counted once, all ended the same way."""
    return Sum(
        matched=Counter({(one.variant, one.platform): one.n for one in plan.counted}),
        counts=Counter({(one.variant, one.platform, one.fate, one.reason): one.n for one in plan.counted}),
    )


def fold(parts: Iterable[Part]) -> Sum:
    """All these chunks; a member that comes twice counts once."""
    first, *more = [sum_of(part) for part in {part.member: part for part in parts}.values()] or [Sum()]
    for one in more:
        first += one
    return first


def report(plan: Plan, recorded: Sum, *, finished_at: datetime | None = None) -> Report:
    """The report of a send: finished when every chunk of its plan and every debt of a record has a record."""
    total = recorded + counted(plan) if plan.counted else recorded
    return _report(plan.chunks, plan.accepted_at, total, finished_at, dry_run=plan.dry_run)


def own_report(chunks: int, accepted_at: datetime, parts: Iterable[Part]) -> Report:
    """The report of a small send, which is its own plan of one chunk a route: finished when the last was looked up.

    Made for each of thousands of sends a second, hence from two numbers of the send and not from a plan.
    """
    known = list(parts)
    last = max((part.last_answer_at or part.looked_up_at for part in known), default=None)
    return _report(chunks, accepted_at, fold(known), last, dry_run=bool(known) and known[0].dry_run)


def _report(chunks: int, accepted_at: datetime, total: Sum, finished_at: datetime | None, *, dry_run: bool) -> Report:
    finished = total.chunks == chunks and total.retries == total.owed_steps
    found = _by_where(total)
    variants = tuple(VariantOutcomes(variant=where[0], platform=where[1], **one) for where, one in found.items())
    return Report(
        state="finished" if finished else "running",
        total=Outcomes(**next(iter(found.values()))) if len(found) == 1 else together(variants),
        variants=variants,
        chunks=chunks,
        chunks_recorded=total.chunks,
        retries=total.owed_steps,
        retries_recorded=total.retries,
        accepted_at=accepted_at,
        first_answer_at=total.first_answer_at,
        last_answer_at=total.last_answer_at,
        finished_at=finished_at if finished else None,
        dry_run=dry_run,
    )


def outcomes_of(total: Sum) -> tuple[VariantOutcomes, ...]:
    """The outcomes of each variant in a sum of any records. With those of retries but not of what they retry, more may
    have ended than was planned: nothing is said of what is open.
    """
    return tuple(
        VariantOutcomes(variant=where[0], platform=where[1], **{**one, "open": 0})
        for where, one in _by_where(total).items()
    )


def _by_where(total: Sum) -> dict[Where, dict[str, Any]]:
    fates: dict[Where, Counter[str]] = {where: Counter() for where in total.matched}
    reasons: dict[Where, dict[str, Counter[str]]] = {}
    for (variant, platform, fate, reason), n in total.counts.items():
        where = (variant, platform)
        fates.setdefault(where, Counter())[fate.value] += n
        if reason:
            reasons.setdefault(where, {}).setdefault(fate.value, Counter())[reason] += n
    return {where: _outcomes(total.matched[where], fates[where], reasons.get(where, {})) for where in sorted(fates)}


def _outcomes(planned: int, fates: Mapping[str, int], reasons: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """The fields of `Outcomes`."""
    sorted_ = {fate: dict(sorted(found.items())) for fate, found in sorted(reasons.items())}
    return {"planned": planned, "open": planned - sum(fates.values()), "reasons": sorted_, **fates}


def together(variants: Sequence[VariantOutcomes]) -> Outcomes:
    """All these variants together."""
    fates = {fate.value: sum(getattr(one, fate) for one in variants) for fate in Fate}
    reasons: dict[str, Counter[str]] = {}
    for one in variants:
        for fate, found in one.reasons.items():
            reasons.setdefault(fate, Counter()).update(found)
    whole = _outcomes(sum(one.planned for one in variants), fates, reasons)
    return Outcomes(**{**whole, "open": sum(one.open for one in variants)})


def settled(chunks: int, parts: Collection[Part]) -> bool:
    """Whether a plan of so many chunks has all its records: what `report` calls finished, without making a report."""
    firsts = sum(part.first for part in parts)
    return firsts == chunks and len(parts) - firsts == sum(len(part.owed) for part in parts)


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))
