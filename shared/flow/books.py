"""The books as laws: what holds between a send's plan, its records, its report and what the providers accepted. Pure.

Each law returns what breaks it; nothing means that it holds. They hold at every moment, whatever crashed, came twice or
came late; that a send is finished adds the last one: nothing is open.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from shared.flow.identity import member_id, retry_slice_id
from shared.flow.plan import Plan
from shared.flow.record import Owed, Part
from shared.flow.report import Outcomes, Report
from shared.flow.verdict import Fate

NEVER_LISTED: Final = frozenset({Fate.DELIVERED})
"""Ends that a record counts without naming the device; closing records name nobody."""


def unclosed(report: Report) -> list[str]:
    """Where a finished report does not add up: planned is the sum of all fates, and the whole that of its variants."""
    named = [("total", report.total), *((f"{one.platform} {one.variant}", one) for one in report.variants)]
    found = [f"{name}: {why}" for name, outcomes in named for why in _imbalance(outcomes)]
    for fact in ("planned", *Fate):
        together = sum(getattr(one, fact) for one in report.variants)
        if getattr(report.total, fact) != together:
            found.append(f"{fact}: {getattr(report.total, fact)} in all, {together} over the variants")
    return found


def _imbalance(outcomes: Outcomes) -> Iterator[str]:
    ended = sum(getattr(outcomes, fate) for fate in Fate)
    if outcomes.open or outcomes.planned != ended:
        yield f"planned {outcomes.planned}, ended {ended}, open {outcomes.open}"
    for fate, reasons in outcomes.reasons.items():
        if sum(reasons.values()) > getattr(outcomes, fate):
            yield f"{fate} {getattr(outcomes, fate)}, by reason {sum(reasons.values())}"


def still_open(plan: Plan, parts: Iterable[Part]) -> set[str]:
    """The planned chunks, and the retries named by records, that have no record; a send without any is finished."""
    named, closed = {member for one in plan.slices() for member in one.members()}, set()
    for part in parts:
        closed.add(part.member)
        named |= {_retry(part, debt) for debt in part.owed}
    return named - closed


def breaches(plan: Plan, parts: Collection[Part]) -> list[str]:
    """What the records of one send say against its plan and against each other, so far."""
    planned = {member: one.variant for one in plan.slices() for member in one.members()}
    debts = {_retry(part, debt): debt for part in parts for debt in part.owed}
    times = Counter(part.member for part in parts)
    found = [f"{member} is closed {n} times" for member, n in times.items() if n > 1]
    for part in parts:
        found += [f"{part.member}: {why}" for why in _within(part)]
        if part.first:
            found += _planned(part, planned)
        else:
            found += _accounting(part, debts.get(part.member))
    return found


def _within(part: Part) -> Iterator[str]:
    """One chunk by itself: each device it matched has one end or one debt, and who did not get it is named."""
    if not part.balanced():
        yield f"matched {part.matched}, and has ends and debts for another number"
    named = Counter((one.fate, one.reason) for one in part.undelivered)
    counted = Counter({(one.fate, one.reason): one.n for one in part.counts if one.fate not in NEVER_LISTED})
    if not part.closing and named != counted:
        yield f"counts {dict(counted)}, names {dict(named)}"
    devices = [one.device for one in part.undelivered] + [one for debt in part.owed for one in debt.devices]
    if len(devices) != len(set(devices)):
        yield "names a device twice"


def _planned(part: Part, planned: Mapping[str, str]) -> Iterator[str]:
    if part.member not in planned:
        yield f"{part.member} does not follow from the plan"
    elif planned[part.member] != part.variant:
        yield f"{part.member} is of variant {planned[part.member]}, its record of {part.variant}"


def _accounting(part: Part, debt: Owed | None) -> Iterator[str]:
    """A retry accounts for every device that its parent's record lists, and for no other."""
    if debt is None:
        yield f"{part.member}: no record names it"
        return
    if part.matched != len(debt.devices):
        yield f"{part.member} matched {part.matched} of {len(debt.devices)} owed"
    strangers = {one.device for one in part.undelivered} - set(debt.devices)
    if strangers:
        yield f"{part.member} names {len(strangers)} devices that were not owed"


def unaccepted(parts: Collection[Part], covered: Mapping[str, Collection[bytes]], accepted: Collection[bytes]) -> int:
    """How many devices the records call delivered and no provider accepted; `covered`: whom each chunk looked up."""
    debts = {_retry(part, debt): debt.devices for part in parts for debt in part.owed}
    delivered: set[bytes] = set()
    for part in parts:
        if not part.closing:
            delivered |= set(covered[part.member] if part.first else debts[part.member]) - _not_delivered(part)
    return len(delivered - set(accepted))


def _not_delivered(part: Part) -> set[bytes]:
    return {one.device for one in part.undelivered} | {one for debt in part.owed for one in debt.devices}


def repeats(accepted: Mapping[bytes, int]) -> int:
    """Acceptances beyond the first of each device. At most the devices of the chunks that were in flight without a
    record when their process died, plus the outcomes that nobody knew; for a send that must `never` repeat: none.
    """
    return sum(times - 1 for times in accepted.values() if times > 1)


def _retry(part: Part, debt: Owed) -> str:
    return member_id(retry_slice_id(part.member, debt.step), 0)
