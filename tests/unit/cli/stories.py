"""A small rehearsal as it must go: drawn devices, what the logs then hold, and the report that fits."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.cli.rehearsal.audience import Drawn, draw
from services.cli.rehearsal.ledger import Asked
from shared.flow.report import Outcomes, Report, VariantOutcomes
from shared.flow.verdict import Fate

SCALE = 60.0
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEVICES = draw(120, seed=7)


def asked_for(devices: Sequence[Drawn], send: str = "campaign") -> list[Asked]:
    """Every device is asked as its condition says, with just the pauses that the provider asked for."""
    return [
        Asked(send, device.platform, device.token, answer, NOON + attempt * device.condition.asked_to_wait / SCALE)
        for device in devices
        for attempt, answer in enumerate(device.condition.answers)
    ]


def report_for(devices: Sequence[Drawn]) -> Report:
    platforms = sorted({device.platform for device in devices})
    variants = tuple(
        VariantOutcomes(
            variant=f"v{platform}",
            platform=platform,
            **outcomes([d for d in devices if d.platform == platform]).model_dump(),
        )
        for platform in platforms
    )
    return Report(state="finished", total=outcomes(devices), variants=variants, chunks=2, chunks_recorded=2)


def outcomes(devices: Sequence[Drawn]) -> Outcomes:
    fates = Counter(device.condition.fate for device in devices)
    reasons: dict[str, Counter[str]] = {}
    for device in devices:
        if device.condition.reason:
            reasons.setdefault(device.condition.fate, Counter())[device.condition.reason] += 1
    return Outcomes.model_validate(
        {"planned": len(devices), "reasons": reasons, **{str(fate): fates[fate] for fate in Fate}}
    )


def later(asked: Asked, by: timedelta) -> Asked:
    return Asked(asked.send, asked.platform, asked.token, asked.answer, asked.at + by)
