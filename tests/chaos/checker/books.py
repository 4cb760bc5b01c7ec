"""Compares promises, providers' logs and reports, device by device: what was lost, sent twice, or counted wrongly.

Pure. For each send and variant there are three sets of devices: those it was for, those that a provider decided about,
and the numbers in the report. A stable device is lost if no provider decided about it and the report does not account
for it otherwise; a number is wrong if it differs from what the log shows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.checker.ledger import Answers
from tests.chaos.checker.population import Device, Place, Population
from tests.chaos.checker.promises import Promise

Json = dict[str, Any]
FATES: Final = ("delivered", "rejected", "unregistered", "expired", "suppressed", "cancelled", "failed")
UNASKED: Final = ("expired", "suppressed", "cancelled", "failed")
"""Fates that no provider's answer decided."""
IN_DOUBT: Final = ("unknown_outcome", "poison")
"""Reasons of `failed` that say: nobody knows. The provider may, and is not contradicted."""


@dataclass(slots=True)
class Balance:
    """What does not fit, in notifications; `remarks` say where, at most a few a kind."""

    promised: int = 0
    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    miscounted: int = 0
    remarks: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    """What final reports call failed, by reason."""

    def add(self, other: "Balance") -> None:
        self.promised += other.promised
        self.delivered += other.delivered
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.miscounted += other.miscounted
        self.remarks += other.remarks
        self.failed += other.failed


def close(
    promises: Iterable[Promise],
    population: Population,
    asked: Mapping[str, Mapping[Place, Answers]],
    reports: Mapping[str, Json],
) -> Balance:
    """The books of all sends."""
    total = Balance()
    known = {promise.mark: promise for promise in promises}
    for promise in known.values():
        answers = asked.get(promise.mark, {})
        if promise.id:
            total.add(of_send(promise, population.of(promise.audience), answers, reports.get(promise.id, {})))
        else:
            total.add(_unpromised(promise, answers))
    for mark in asked.keys() - known.keys():
        total.add(_wrong(Balance(), len(asked[mark]), f"{mark}: notifications that nobody asked for"))
    return total


def of_send(promise: Promise, devices: Sequence[Device], asked: Mapping[Place, Answers], report: Json) -> Balance:
    """The books of one promised send."""
    total = Balance()
    by_variant: dict[str, list[Device]] = {}
    for device in devices:
        by_variant.setdefault(device.variant, []).append(device)
    counted = {one["variant"]: one for one in report.get("variants", ())}
    finished = report.get("state") == "finished"
    for variant in by_variant.keys() | counted.keys():
        meant = by_variant.get(variant, [])
        total.add(_of_variant(f"{promise.mark}/{variant}", meant, asked, counted.get(variant, {}), finished=finished))
    strangers = asked.keys() - {device.place for device in devices}
    if strangers:
        _wrong(total, len(strangers), f"{promise.mark}: devices that were not meant")
    return total


def _of_variant(
    name: str, meant: Sequence[Device], asked: Mapping[Place, Answers], counts: Json, *, finished: bool
) -> Balance:
    answers = {device.place: asked[device.place] for device in meant if device.place in asked}
    stable = [device for device in meant if device.stable]
    unanswered = sum(1 for one in stable if one.place not in answers or not answers[one.place].final)
    accepted = sum(1 for one in answers.values() if one.accepted)
    number = {fate: int(counts.get(fate, 0)) for fate in ("planned", "open", *FATES)}
    balance = Balance(
        promised=len(stable),
        delivered=accepted,
        duplicated=sum(max(0, len(one.accepted) - 1) for one in answers.values()),
    )
    unasked = sum(number[fate] for fate in UNASKED) if finished else 0
    balance.lost = max(len(stable) - number["planned"] if finished else 0, unanswered - unasked, 0)
    if balance.lost:
        balance.remarks.append(f"{name}: lost {balance.lost} of {len(stable)} (report: {number})")
    if finished:
        balance.failed.update(counts.get("reasons", {}).get("failed", {}))
        _count(balance, name, number, counts.get("reasons", {}).get("failed", {}), meant, answers)
    return balance


def _count(
    balance: Balance,
    name: str,
    number: Mapping[str, int],
    failed: Mapping[str, int],
    meant: Sequence[Device],
    answers: Mapping[Place, Answers],
) -> None:
    """Every number of a final report against the log."""
    doubtful = sum(failed.get(reason, 0) for reason in IN_DOUBT)
    gone = sum(1 for one in answers.values() if one.gone and not one.accepted)
    rejected = sum(1 for one in answers.values() if one.rejected and not one.accepted and not one.gone)
    decided = sum(1 for one in answers.values() if one.final)
    seen = {"delivered": balance.delivered, "unregistered": gone, "rejected": rejected}
    missing = sum(max(0, n - number[fate]) for fate, n in seen.items())
    wrong = {
        **{f"{fate}, but no provider said so": number[fate] - n for fate, n in seen.items()},
        f"decided by a provider ({seen}), but not counted so ({number})": missing - doubtful,
        "planned, but not the sum of the fates": abs(number["planned"] - sum(number[fate] for fate in FATES)),
        "open in a final report": number["open"],
        "planned, more than were registered": number["planned"] - len(meant),
        "decided by a provider, but never planned": decided - number["planned"],
    }
    for what, n in wrong.items():
        if n > 0:
            _wrong(balance, n, f"{name}: {n} {what}")


def _unpromised(promise: Promise, answers: Mapping[Place, Answers]) -> Balance:
    """A send without a 202: it may have been stored, unless its client was told that it was not."""
    balance = Balance(duplicated=sum(max(0, len(one.accepted) - 1) for one in answers.values()))
    if promise.refused and answers:
        _wrong(balance, len(answers), f"{promise.mark}: was refused, and sent all the same")
    return balance


def _wrong(balance: Balance, n: int, remark: str) -> Balance:
    balance.miscounted += n
    balance.remarks.append(remark)
    return balance
