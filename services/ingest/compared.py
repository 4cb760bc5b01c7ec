"""Sends side by side: what of their full reports can be compared. Pure."""

from datetime import datetime

from pydantic import Field

from shared.flow.full_report import FullReport, Interactions, Latency
from shared.flow.lane import Lane
from shared.flow.model import Travelling
from shared.flow.report import Outcomes, State
from shared.flow.verdict import Fate


class Compared(Travelling):
    """One send beside others."""

    id: str
    state: State
    lane: Lane
    accepted_at: datetime
    finished_at: datetime | None
    seconds: float | None = Field(description="from its acceptance, or scheduled moment, to its last delivery")
    total: Outcomes
    shares: dict[str, float] = Field(description="of what was planned, by outcome")
    latency: Latency
    interactions: Interactions
    dry_run: bool


class Comparison(Travelling):
    """Sends side by side, in the order in which they were asked for."""

    sends: tuple[Compared, ...]


def compared(one: FullReport) -> Compared:
    """Of one send."""
    planned = one.total.planned
    return Compared(
        id=one.id, state=one.state, lane=one.lane, accepted_at=one.accepted_at, finished_at=one.finished_at,
        seconds=(one.last_delivery_at - one.since).total_seconds() if one.last_delivery_at else None,
        total=one.total, latency=one.latency, interactions=one.interactions, dry_run=one.dry_run,
        shares={fate.value: round(getattr(one.total, fate) / planned, 6) for fate in Fate} if planned else {},
    )  # fmt: skip
