"""A chunk as work: what a member id means, once the send and its plan are at hand."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.flow.device import Device
from shared.flow.identity import parent_of, root_of
from shared.flow.plan import ListRange, Plan, PlannedRoute, ShardRange, chunk_of
from shared.flow.policy import QuietHours
from shared.flow.send import Send


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk to work: the member that its record closes, and where its devices are."""

    member: str
    send: Send
    route: PlannedRoute
    where: ShardRange | ListRange
    """The range of the chunk; for a retry, that of the first attempt it descends from."""
    parent: tuple[str, int] | None = None
    """For a retry: the member whose record lists its devices, and the step."""
    turn: timedelta = timedelta()
    """Of a send that is spread: how long after its first chunk this one is to begin, before the time scale."""

    def within(self, chunks: Collection[int] | None) -> bool:
        """Whether it is one of these chunks of its slice; None are all."""
        return chunks is None or int(self.member.rsplit("/", 1)[1]) in chunks


@dataclass(frozen=True, slots=True)
class Found:
    """The devices of a job, and those it accounts for but must not send to, with the reason."""

    devices: list[Device]
    suppressed: list[tuple[bytes, str]] = field(default_factory=list)
    looked_up_at: datetime | None = None
    unknown: bool = False
    """They may have been delivered by the attempt before."""
    until: datetime | None = None
    """Their own deadline, if it is sooner than the send's."""
    holds: int = 0
    """How many of the attempts so far only waited for a device's own time."""
    waited_for: str = ""
    """What they were owed for, and since when they are due."""
    due: datetime | None = None
    quiet: QuietHours | None = None
    """The app's quiet hours, unless the send passes them."""

    @property
    def matched(self) -> int:
        """How many notifications the job accounts for."""
        return len(self.devices) + len(self.suppressed)


def job(member: str, send: Send, plan: Plan) -> Job:
    """What this member means. Raises `LookupError` for one that does not follow from the plan."""
    route_number, slice_number = root_of(member)
    chunk = int(member.split("/", 2)[1].split("~", 1)[0])
    route = plan.routes[route_number]
    if not (slice_number < len(route.chunks) and chunk < route.chunks[slice_number]):
        message = f"{member} does not follow from its plan"
        raise LookupError(message)
    slice_ = member.rsplit("/", 1)[0]
    parent = parent_of(slice_) if "~" in slice_ else None
    turn = _turn(plan, route_number, slice_number) if plan.pace is not None else timedelta()
    return Job(member, send, route, chunk_of(route, slice_number, chunk), parent, turn)


def _turn(plan: Plan, route: int, slice_: int) -> timedelta:
    """Slices of what is spread are chunks, and go one after the other."""
    before = sum(len(one.chunks) for one in plan.routes[:route]) + slice_
    return timedelta(seconds=(plan.pace or 0.0) * before)


def in_doubt(found: dict[str, Found], doubtful: Collection[str]) -> dict[str, Found]:
    """The same, with the chunks that a worker had when it died marked: it may have delivered some of them."""
    return {member: replace(one, unknown=True) if member in doubtful else one for member, one in found.items()}
