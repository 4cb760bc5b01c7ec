"""What a record adds to the metrics: sums, by labels that are few."""

from datetime import UTC, datetime, timedelta

from services.delivery.measuring import ends_of, times_of, waited_for
from shared.flow.lane import Lane
from shared.flow.record import Count, Part
from shared.flow.verdict import Fate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def part(member: str = "app.send.0.0/0", *, app: str = "app", took: float = 1, **more: object) -> Part:
    said: dict[str, object] = {
        "member": member, "send": "app.send", "app": app, "variant": "v", "platform": "apns", "matched": 3,
        "counts": (Count(fate=Fate.DELIVERED, n=2), Count(fate=Fate.REJECTED, reason="goaway_no_error", n=1)),
        "latency": (2, *[0] * 11, 1), "looked_up_at": NOW, "last_answer_at": NOW + timedelta(seconds=took),
        "lane": Lane.NOW, "accepted_at": NOW,
    }  # fmt: skip
    return Part.model_validate(said | more)


def test_ends_are_added_by_app_platform_outcome_and_known_reason() -> None:
    assert ends_of([part(), part(), part(app="two"), part(dry_run=True)]) == {
        ("app", "apns", "delivered", ""): 4,
        ("app", "apns", "rejected", "goaway"): 2,
        ("two", "apns", "delivered", ""): 2,
        ("two", "apns", "rejected", "goaway"): 1,
    }


def test_answers_are_added_as_they_are() -> None:
    assert times_of([part(), part(), part(latency=())]) == [4, *[0] * 11, 2]
    assert times_of([part(latency=())]) == []


def test_first_attempts_tell_how_long_was_waited() -> None:
    assert waited_for([part(took=1), part(took=5), part("app.send.0.0/0~0/0", took=90)]) == 5
    assert waited_for([part(accepted_at=NOW - timedelta(seconds=2)), part(last_answer_at=None)]) == 3
    assert waited_for([part("app.send.0.0/0~0/0")]) is None
    assert waited_for([part(last_answer_at=None)]) is None
