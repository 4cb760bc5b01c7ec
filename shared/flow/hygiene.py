"""The rules of device hygiene: what evidence a record holds against tokens, and when there is too much to believe it.

Policy: the protocol reference, section E.2. Spans are stated before the time scale.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.flow.record import Part
from shared.flow.verdict import Fate

WINDOW: Final = timedelta(hours=1)
"""Suspects wait together for the end of the window in which they were heard of."""
GRACE: Final = timedelta(minutes=10)
"""After a window, before it is judged: what a mix-up did shortly before its end is told by the next window."""
SLOT: Final = timedelta(minutes=1)
"""Judged by itself too: a mix-up of some minutes must not hide behind an hour of good results."""
NORM: Final = timedelta(days=7)
"""How far back the windows reach that say what is normal for a variant."""
CAP_SPAN: Final = timedelta(hours=1)

LEAST: Final = 50
"""Devices under suspicion; fewer never trip the gate."""
SHARE: Final = 0.2
FACTOR: Final = 5
MOST_SHARE: Final = 0.9
"""Five times a high norm would be more than there are results, and the gate could not trip at all."""

ANSWERED: Final = frozenset({Fate.DELIVERED, Fate.REJECTED, Fate.UNREGISTERED})
"""Fates in which somebody has judged the token; the others say nothing about it."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """Evidence against a device's token. It holds unless the device registered after `dead_at`, or was restored after
    `seen_at`.
    """

    device: bytes
    reason: str
    dead_at: datetime
    """The provider's own time, or else that of the look-up."""
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """Results in which a token was judged, and how many of them speak against it but may come from a mix-up."""

    results: int = 0
    suspects: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.results + other.results, self.suspects + other.suspects)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one record says about the tokens of one variant; its key makes it count once, however often it is heard."""

    key: str
    app: str
    variant: str
    platform: str
    slot: datetime
    tally: Tally
    suspects: tuple[Finding, ...]


def dead(parts: Iterable[Part]) -> dict[tuple[str, str], list[Finding]]:
    """The unambiguous evidence by app and variant: a device that registered after it is kept (Apple, Handling
    notification responses: "stop until the device registers a token with a later timestamp").
    """
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for part in parts:
        found[part.app, part.variant] += [
            Finding(one.device, one.reason, one.since or part.looked_up_at, part.looked_up_at)
            for one in part.undelivered
            if one.fate is Fate.UNREGISTERED
        ]
    return {whose: findings for whose, findings in found.items() if findings}


def evidence(records: Mapping[str, Sequence[Part]], slot: timedelta) -> list[Evidence]:
    """What records say, for each variant in each of them; nothing where no token was judged."""
    found = []
    for record, parts in records.items():
        by_variant: dict[str, list[Part]] = defaultdict(list)
        for part in parts:
            by_variant[part.variant].append(part)
        found += [_evidence(record, variant, some, slot) for variant, some in by_variant.items()]
    return [one for one in found if one.tally.results]


def _evidence(record: str, variant: str, parts: Sequence[Part], slot: timedelta) -> Evidence:
    results = sum(count.n for part in parts for count in part.counts if count.fate in ANSWERED)
    suspects = [
        Finding(one.device, one.reason, part.looked_up_at, part.looked_up_at)
        for part in parts
        for one in part.undelivered
        if one.suspect
    ]
    at = max(part.last_answer_at or part.looked_up_at for part in parts)
    return Evidence(
        f"{record}|{variant}", parts[0].app, variant, parts[0].platform, floor(at, slot),
        Tally(results, len(suspects)), tuple(suspects),
    )  # fmt: skip


def by_reason(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings of each reason."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        found[one.reason].append(one)
    return found


def norm(windows: Iterable[Tally]) -> float:
    """The usual share of suspects; 0 for a variant of which nothing is known yet."""
    whole = sum(windows, Tally())
    return whole.suspects / whole.results if whole.results else 0.0


def excessive(tally: Tally, devices: int, usual: float) -> bool:
    """Whether so many suspects (results, and different devices among them) mean a mix-up rather than dead tokens."""
    share = max(SHARE, min(FACTOR * usual, MOST_SHARE))
    return devices >= LEAST and tally.suspects > share * tally.results


def worth_a_look(tally: Tally, usual: float) -> bool:
    """Whether it could be excessive: what is cheap to know, before devices are told apart."""
    return excessive(tally, tally.suspects, usual)


def cap(devices: int, least: int, share: float) -> int:
    """How many devices of a variant may be removed in an hour."""
    return max(least, int(devices * share))


def floor(moment: datetime, span: timedelta) -> datetime:
    """The start of the span, counted from the epoch, in which a moment lies; to the millisecond."""
    whole = max(span // timedelta(milliseconds=1), 1)
    passed = (moment - _EPOCH) // timedelta(milliseconds=1)
    return _EPOCH + timedelta(milliseconds=passed // whole * whole)
