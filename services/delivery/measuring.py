"""What a record adds to the metrics: sums over its parts, so that nothing is done for each notification. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from shared.flow.record import Part
from shared.providers.known_reasons import label

SECOND = timedelta(seconds=1)


def ends_of(parts: Sequence[Part]) -> dict[tuple[str, str, str, str], int]:
    """How many notifications ended by app, platform, outcome and reason; nobody was reached by a dry run."""
    ends: Counter[tuple[str, str, str, str]] = Counter()
    for part in parts:
        for count in () if part.dry_run else part.counts:
            ends[part.app, part.platform, count.fate, count.reason] += count.n
    labelled: Counter[tuple[str, str, str, str]] = Counter()
    for (app, platform, fate, reason), n in ends.items():
        labelled[app, platform, fate, label(platform, reason)] += n
    return labelled


def times_of(parts: Sequence[Part]) -> dict[tuple[str, str], list[int]]:
    """The answers' times by platform and lane, as records have them."""
    times: dict[tuple[str, str], list[int]] = {}
    for part in parts:
        if part.latency:
            known = times.get((part.platform, part.lane or ""))
            whole = part.latency if known is None else map(int.__add__, known, part.latency)
            times[part.platform, part.lane or ""] = list(whole)
    return times


def slowest_of(parts: Sequence[Part]) -> float | None:
    """Seconds from acceptance to the last answer, of the send that took longest; what is tried again tells nothing."""
    took = [
        part.last_answer_at - part.accepted_at
        for part in parts
        if part.first and part.accepted_at is not None and part.last_answer_at is not None
    ]
    return max(took) / SECOND if took else None
