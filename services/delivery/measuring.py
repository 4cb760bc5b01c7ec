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
        if not part.dry_run:
            for count in part.counts:
                ends[part.app, part.platform, count.fate, count.reason] += count.n
    labelled: Counter[tuple[str, str, str, str]] = Counter()
    for (app, platform, fate, reason), n in ends.items():
        labelled[app, platform, fate, label(platform, reason)] += n
    return labelled


def times_of(parts: Sequence[Part]) -> list[int]:
    """The answers' times, as records have them; empty if there was no answer."""
    return list(map(sum, zip(*[part.latency for part in parts if part.latency], strict=True)))


def waited_for(parts: Sequence[Part]) -> float | None:
    """Seconds from the first acceptance, or scheduled moment, of a send to the last answer; no retries are in it."""
    first = [part for part in parts if "~" not in part.member]  # `part.first`, for a hundred of them at once
    accepted = [part.accepted_at for part in first if part.accepted_at is not None]
    answered = [part.last_answer_at for part in first if part.last_answer_at is not None]
    return (max(answered) - min(accepted)) / SECOND if accepted and answered else None
