"""Decides what a look at one open send finds undone. Pure.

Open are the planned chunks and the retries named by records that have no record of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.flow.envelope import SliceDue
from shared.flow.identity import member_id, retry_slice_id
from shared.flow.plan import Plan

LONGEST: Final = timedelta(hours=1)
"""No send that is owed something is left alone for longer, before the time scale."""


@dataclass(frozen=True, slots=True)
class Debt:
    """A retry that a record names."""

    parent: str
    step: int
    due: datetime
    stored: bool = False
    """No wait queue brings it: it is published when it is due, not only when it is late."""

    @property
    def slice(self) -> str:
        """The slice that works it."""
        return retry_slice_id(self.parent, self.step)

    @property
    def member(self) -> str:
        """Its only chunk."""
        return member_id(self.slice, 0)

    def wanted(self, patience: timedelta) -> datetime:
        """From when on the sweep publishes it: a wait queue is given this long to bring it."""
        return self.due if self.stored else self.due + patience


@dataclass(frozen=True, slots=True)
class Open:
    """What has no record: first-attempt members with their platform, and retries."""

    firsts: tuple[tuple[str, str], ...]
    debts: tuple[Debt, ...]

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.firsts or self.debts)


def still_open(plan: Plan, recorded: set[str], debts: Iterable[Debt]) -> Open:
    """What of a plan and of its records' debts has no record."""
    firsts = [(m, one.platform) for one in plan.slices() for m in one.members() if m not in recorded]
    return Open(tuple(firsts), tuple(debt for debt in debts if debt.member not in recorded))


def to_publish(
    plan: Plan, open_: Open, released: Mapping[str, int] | None, now: datetime, patience: timedelta
) -> list[tuple[str, SliceDue]]:
    """The slices to put on the bus again, by platform: released ones with open chunks (all, if None), retries due."""
    undone = {member.rsplit("/", 1)[0] for member, _ in open_.firsts}
    due: list[tuple[str, SliceDue]] = []
    position: dict[str, int] = {}
    for one in plan.slices():
        position[one.variant] = position.get(one.variant, 0) + 1
        if one.id in undone and (released is None or position[one.variant] <= released.get(one.variant, 0)):
            due.append((one.platform, SliceDue(id=one.id)))
    late = [debt for debt in open_.debts if debt.wanted(patience) <= now]
    return due + [(platform_of(plan, debt.parent), SliceDue(id=debt.slice)) for debt in late]


def platform_of(plan: Plan, member: str) -> str:
    """The platform of a member's route."""
    return plan.routes[int(member.split(".", 3)[2])].platform


def next_look(open_: Open, now: datetime, wait: timedelta, patience: timedelta, closes_at: datetime) -> datetime:
    """When to look again: after the wait, when the next debt is wanted, or when the send is to be closed.

    Never sooner than the patience allows, but for the closing: each of many debts has a time of its own.
    """
    wanted = [debt.wanted(patience) for debt in open_.debts if debt.wanted(patience) > now]
    moments = [now + wait, *(max(moment, now + patience) for moment in _earliest(wanted))]
    return max(min([*moments, closes_at]), now + timedelta(milliseconds=100))


def _earliest(moments: list[datetime]) -> list[datetime]:
    return [min(moments)] if moments else []
