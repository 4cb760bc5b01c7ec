"""Shows what hygiene has done to an app's devices and why, and takes it back by range of time."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.moments import Moment
from services.ingest.problems import field_invalid, missing
from shared.flow.model import Travelling
from shared.store.hygiene_days import Did
from shared.store.undoing import Mark, Reasons, Span

DECISIONS: Final = 50
BATCH: Final = 2000
AT_MOST: Final = timedelta(seconds=5)
"""For one request; a caller with more to undo asks again."""


class MarkedView(Travelling):
    """So many devices of a variant bear a mark, for this reason."""

    variant: str
    mark: Mark = Field(
        description="retired: out of service; quarantined: served until judged; condemned: judged, waits for the cap"
    )
    reason: str
    devices: int


class DecisionView(Travelling):
    """What the anomaly gate decided about one window of a variant."""

    variant: str
    start: datetime
    judged_at: datetime
    decision: Literal["passed", "tripped"] = Field(
        description="tripped: too many suspects at once, probably a configuration error; nothing was removed"
    )
    why: str = Field(description="what tripped it: the window, a minute of it, or the next window; empty if nothing")
    results: int
    suspects: int
    devices: int = Field(description="different devices among the suspects, counted up to 50")


class HygieneView(Travelling):
    """The marks on an app's devices, and the gate's last decisions about suspects, newest first."""

    marks: tuple[MarkedView, ...]
    decisions: tuple[DecisionView, ...]


class Restore(Travelling):
    """What is to be undone: removals and quarantine from then to then, of one variant or of all."""

    from_: Moment = Field(alias="from")
    to: Moment
    variant: str | None = Field(default=None, max_length=64)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to < self.from_:
            raise PydanticCustomError("order", "`to` is before `from`")
        return self


class Restored(Travelling):
    """What was undone by this request."""

    restored: int = Field(description="devices back in service")
    released: int = Field(description="devices out of quarantine")
    more: bool = Field(description="the time for one request was over: ask again")


async def show(desk: Desk, call: Call) -> Reply:
    """The marks and the last decisions."""
    app = await _app(desk, call)
    marks = await desk.store.undoing.marked(app, await _variants(desk, app))
    decided = await desk.store.windows.decided(app, DECISIONS)
    view = HygieneView(
        marks=tuple(
            MarkedView(variant=one.variant, mark=one.mark, reason=one.reason, devices=one.devices) for one in marks
        ),
        decisions=tuple(
            DecisionView(
                variant=one.variant, start=one.start, judged_at=one.judged_at, decision=one.decision, why=one.why,
                results=one.tally.results, suspects=one.tally.suspects, devices=one.devices,
            )
            for one in decided
            if one.decision is not None and one.judged_at is not None
        ),
    )  # fmt: skip
    return Reply(HTTPStatus.OK, view)


async def restore(desk: Desk, call: Call) -> Reply:
    """Back into service, and out of quarantine. Evidence of before does not count any more."""
    wanted: Restore = call.body
    app = await _app(desk, call)
    variants = await _variants(desk, app)
    if wanted.variant is not None and wanted.variant not in variants:
        raise field_invalid("/variant", "the app has no such variant")
    span = Span(app, wanted.from_, wanted.to, wanted.variant)
    chosen = variants if wanted.variant is None else [wanted.variant]
    undoing, now, restored, released = desk.store.undoing, desk.now(), 0, 0
    until = now + AT_MOST
    while desk.now() < until:
        some = await undoing.restore(span, now, BATCH)
        held = await undoing.release(span, chosen, now, BATCH)
        await _noted(desk, app, "restored", some, now)
        await _noted(desk, app, "released", held, now)
        restored, released = restored + some.total(), released + held.total()
        if not some and not held:
            return Reply(HTTPStatus.OK, Restored(restored=restored, released=released, more=False))
    return Reply(HTTPStatus.OK, Restored(restored=restored, released=released, more=True))


async def _noted(desk: Desk, app: str, did: Did, undone: Reasons, now: datetime) -> None:
    for (variant, reason), devices in undone.items():
        await desk.store.hygiene_days.note(app, variant, did, "asked", {reason: devices}, now)


async def _app(desk: Desk, call: Call) -> str:
    """The app of the path: the operator may name any, a backend its own."""
    if call.key.app and call.key.app != call.path["app"]:
        raise missing(f"there is no app {call.path['app']!r}")
    return (await desk.store.apps.get(call.app)).id


async def _variants(desk: Desk, app: str) -> list[str]:
    return [one.variant for one in (await desk.rosters.of(app, fresh=True)).targets]
