"""Compares what Carillon reports with what the simulators logged, sum by sum and device by device. Pure.

It shares no rule with the services: what an answer means is read here from the answer alone.

Long, because it is one comparison, kept apart from everything that it checks: many small sums, no state.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

from services.cli.rehearsal.audience import Drawn
from services.cli.rehearsal.conditions import ACCEPTED
from services.cli.rehearsal.ledger import Asked
from shared.flow.report import Outcomes, Report
from shared.flow.verdict import Fate

Place = tuple[str, str]
"""Platform and token: one device."""
Tally = Counter[tuple[str, str, str]]
"""Devices by platform, fate and reason."""
UNFINISHED: Final = "unfinished"
THROTTLED: Final = "429"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, what was compared for it, and what does not hold."""

    name: str
    compared: str
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def close(report: Report, targets: Sequence[Drawn], asked: Sequence[Asked], scale: float) -> tuple[Check, ...]:
    """The books of one send to these devices; `asked` is what the simulators logged for it."""
    by_device: defaultdict[Place, list[Asked]] = defaultdict(list)
    for one in asked:
        by_device[one.platform, one.token].append(one)
    return (
        Check("the report adds up", f"{report.total.planned:,} planned", tuple(_sums(report, targets))),
        Check(
            "outcomes and reasons are the log's",
            f"{len(asked):,} requests",
            tuple(_differences(_reported(report), _logged(by_device, targets))),
        ),
        Check(
            "each device: asked as it had to be, accepted at most once",
            f"{len(targets):,} devices",
            tuple(_devices(by_device, targets, scale)),
        ),
    )


def registry(registered: Mapping[Place, bool], devices: Iterable[Drawn]) -> Check:
    """Dead devices are out of service, all others (also those that registered again) are not; suspects may be both."""
    watched = [
        device for device in devices if (device.platform, device.token) in registered and not device.condition.suspect
    ]
    problems = tuple(
        f"{_named(device)} is {'still' if device.condition.retired else 'no longer'} registered"
        for device in watched
        if registered[device.platform, device.token] == device.condition.retired
    )
    gone = sum(device.condition.retired for device in watched)
    return Check(
        "dead devices are retired, the others are not",
        f"{gone:,} dead, {len(watched) - gone:,} others",
        problems,
    )


def strangers(asked: Sequence[Asked], sends: Iterable[str]) -> Check:
    """Every request to the simulators belongs to one of the sends."""
    known = frozenset(sends)
    problems = tuple(f"{one.platform} was asked for {one.send!r}" for one in asked if one.send not in known)
    return Check("nothing else was sent", f"{len(asked):,} requests", problems)


def judged(answers: Sequence[str]) -> tuple[str, str]:
    """Fate and reason of a notification by what its provider answered, in order."""
    if ACCEPTED in answers:
        return Fate.DELIVERED, ""
    status, _, reason = (answers[-1] if answers else "").partition(" ")
    if status == "410" or (status, reason) == ("404", "UNREGISTERED"):
        return Fate.UNREGISTERED, reason
    if status.startswith("4") and status != THROTTLED:
        return Fate.REJECTED, reason
    return UNFINISHED, reason


def _sums(report: Report, targets: Sequence[Drawn]) -> Iterator[str]:
    if report.state != "finished":
        yield f"the send is {report.state}"
    for name, outcomes in _parts(report):
        by_fate = sum(_of(outcomes, fate) for fate in Fate)
        if outcomes.planned != by_fate or outcomes.open:
            yield f"{name}: planned {outcomes.planned:,}, outcomes {by_fate:,}, open {outcomes.open:,}"
        for fate, reasons in outcomes.reasons.items():
            if sum(reasons.values()) != _of(outcomes, Fate(fate)):
                yield f"{name}: {fate} {_of(outcomes, Fate(fate)):,}, by reason {sum(reasons.values()):,}"
    for fact in ("planned", *Fate):
        together = sum(_of(variant, fact) for variant in report.variants)
        if _of(report.total, fact) != together:
            yield f"{fact}: {_of(report.total, fact):,} in all, {together:,} over the variants"
    yield from _planned(report, targets)


def _planned(report: Report, targets: Sequence[Drawn]) -> Iterator[str]:
    drawn = Counter(device.platform for device in targets)
    planned: Counter[str] = Counter()
    for variant in report.variants:
        planned[variant.platform] += variant.planned
    for platform in sorted(set(drawn) | set(planned)):
        if drawn[platform] != planned[platform]:
            yield f"{platform}: {drawn[platform]:,} devices, {planned[platform]:,} planned"


def _parts(report: Report) -> Iterator[tuple[str, Outcomes]]:
    yield "total", report.total
    for variant in report.variants:
        yield f"{variant.platform} {variant.variant}", variant


def _of(outcomes: Outcomes, fact: str) -> int:
    return int(getattr(outcomes, fact))


def _reported(report: Report) -> Tally:
    found: Tally = Counter()
    for variant in report.variants:
        for fate in Fate:
            reasons = variant.reasons.get(fate, {})
            for reason, n in reasons.items():
                # Behind a colon stands what Carillon read in the answer beside the provider's word.
                found[variant.platform, fate, reason.partition(":")[0]] += n
            found[variant.platform, fate, ""] += _of(variant, fate) - sum(reasons.values())
    return found


def _logged(by_device: Mapping[Place, Sequence[Asked]], targets: Sequence[Drawn]) -> Tally:
    return Counter((d.platform, *judged([one.answer for one in _answers(by_device, d)])) for d in targets)


def _differences(reported: Tally, logged: Tally) -> Iterator[str]:
    for key in sorted(set(reported) | set(logged)):
        if reported[key] != logged[key]:
            yield f"{' '.join(filter(None, key))}: {reported[key]:,} reported, {logged[key]:,} in the log"


def _devices(by_device: Mapping[Place, Sequence[Asked]], targets: Sequence[Drawn], scale: float) -> Iterator[str]:
    for device in targets:
        answers = _answers(by_device, device)
        found = tuple(one.answer for one in answers)
        if found != device.condition.answers:
            yield f"{_named(device)}: expected {_listed(device.condition.answers)}; the log has {_listed(found)}"
        for before, after in pairwise(answers):
            least = device.condition.asked_to_wait / scale
            if after.at - before.at < least:
                yield f"{_named(device)}: asked again after {_ms(after.at - before.at)}, to wait was {_ms(least)}"
    expected = {(device.platform, device.token) for device in targets}
    for platform, token in by_device.keys() - expected:
        yield f"{platform} device {_hash(token)} was not meant, and was asked"


def _answers(by_device: Mapping[Place, Sequence[Asked]], device: Drawn) -> Sequence[Asked]:
    return by_device.get((device.platform, device.token), ())


def _named(device: Drawn) -> str:
    return f"{device.platform} device {_hash(device.token)} ({device.condition.name})"


def _hash(token: str) -> str:
    return hashlib.blake2b(token.encode(), digest_size=4).hexdigest()


def _listed(answers: Sequence[str]) -> str:
    return ", then ".join(answers) or "nothing"


def _ms(span: timedelta) -> str:
    return f"{span / timedelta(milliseconds=1):.0f} ms"
