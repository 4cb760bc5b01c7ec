"""What the API answers about what became of sends and notifications, as the client gives it."""

from datetime import datetime

from services.client.models import Answer, TemplateLine
from shared.flow.full_report import Interactions, Latency
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.report import Outcomes, State
from shared.flow.send import ReceiptsKept
from shared.flow.whereabouts import Attempt, Receipt


class Template(TemplateLine):
    """One version of a stored template, with its message."""

    message: Message


class Compared(Answer):
    """One send beside others. `seconds`: from its acceptance, or scheduled moment, to its last delivery."""

    id: str
    state: State
    lane: Lane
    accepted_at: datetime
    finished_at: datetime | None
    seconds: float | None
    total: Outcomes
    shares: dict[str, float]
    latency: Latency
    interactions: Interactions
    dry_run: bool


class Comparison(Answer):
    """Sends side by side, in the order in which they were asked for."""

    sends: tuple[Compared, ...]


class Receipts(Answer):
    """A page of receipts; `kept`: of which notifications the send keeps any."""

    kept: ReceiptsKept
    receipts: tuple[Receipt, ...]
    next: str | None = None
    dry_run: bool = False


class Interaction(Answer):
    """What a device told."""

    kind: str
    action: str | None = None
    at: datetime


class Story(Answer):
    """The whole story of one notification: whether the device was addressed, or why not, and what became of it.

    `addressed` is None where that cannot be told (any more); `told_by` says what it rests on: `record`, `registration`
    or `nothing`. `outcome` is one of the report, `open`, or None where it was not kept; of a `dry_run` it says what
    would have become of it.
    """

    send: str
    device: str
    accepted_at: datetime
    deadline: datetime
    addressed: bool | None
    why: str = ""
    chunk: str | None = None
    looked_up_at: datetime | None = None
    outcome: str | None = None
    reason: str = ""
    provider_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    told_by: str
    interactions: tuple[Interaction, ...] = ()
    dry_run: bool = False


class History(Answer):
    """What became of late of the sends that address a device, newest first.

    `searched_until`: sends accepted before this were not looked at; `next` is what the next page comes `after`.
    """

    device: str
    sends: tuple[Story, ...]
    searched_until: datetime | None = None
    next: str | None = None
