"""Tells the story of one notification: whether the device was addressed, or why not, and what became of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from shared.flow.model import Travelling
from shared.flow.record import Part
from shared.flow.send import ReceiptsKept, Send
from shared.flow.verdict import Fate
from shared.flow.whereabouts import Attempt, Receipt

Why = Literal[
    "rejected",
    "repeated",
    "unknown_device",
    "other_variant",
    "not_named",
    "does_not_fit",
    "registered_later",
    "out_of_service",
    "",
]
WHY: Final = (
    "why it was not addressed: the send was rejected; it is repeated, and each time is a send of its own; the device "
    "is not known (any more, where `addressed` is null); the send goes to other variants; it is not among the named; "
    "its tags or attributes do not fit; it registered only afterwards; it was out of service"
)


class Interaction(Travelling):
    """What the device told."""

    kind: str
    action: str | None = None
    at: datetime


class Explanation(Travelling):
    """The whole story of one notification."""

    send: str
    device: str
    accepted_at: datetime
    deadline: datetime
    addressed: bool | None = Field(description="null: it cannot be told (any more), see `told_by`")
    why: Why = Field(default="", description=WHY)
    chunk: str | None = Field(default=None, description="the part of the plan that covers it")
    looked_up_at: datetime | None = Field(default=None, description="when the devices of the chunk were looked up")
    outcome: str | None = Field(
        default=None,
        description="an outcome of the report; `open`: it waits for its turn or for another attempt; null: not kept",
    )
    reason: str = ""
    provider_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    told_by: Literal["record", "registration", "nothing"] = Field(
        description="record: it stands there; registration: it follows from the device's registration, which has not "
        "changed since, and from the chunk's record, which names all failures; nothing: neither says so"
    )
    interactions: tuple[Interaction, ...] = ()
    dry_run: bool = Field(default=False, description="nobody was reached: delivered means that it would have been sent")


@dataclass(frozen=True, slots=True)
class Closed:
    """How a send ended that was never planned: all that it would have gone to, counted at once."""

    at: datetime
    fate: str
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the story rests on. `device` as it is registered now; `named`: among the named, if any are."""

    send: Send
    id: bytes
    device: Mapping[str, Any] | None
    named: bool | None
    fits: bool | None
    """What else the send asks for, like tags and attributes."""
    first: Part | None
    """The record of the first-attempt chunk that covers the device."""
    receipt: Receipt | None
    closed: Closed | None = None
    worked: bool = False
    """Whether what may cover the device, were it registered, was worked."""
    chunk: str | None = None
    interactions: Sequence[Interaction] = ()


def explain(facts: Facts) -> Explanation:
    """The story from the facts."""
    send, receipt, first = facts.send, facts.receipt, facts.first
    said: dict[str, Any] = {
        "send": send.id, "device": facts.id.hex(), "accepted_at": send.accepted_at, "deadline": send.deadline,
        "chunk": facts.chunk, "looked_up_at": first.looked_up_at if first else None,
        "interactions": tuple(facts.interactions), "dry_run": send.request.dry_run,
    }  # fmt: skip
    if send.purged or send.request.audience.provider_kept is not None:
        return Explanation(**said, addressed=None, told_by="nothing")
    if receipt is not None and send.request.receipts is not ReceiptsKept.NONE:
        return Explanation(
            **said, addressed=True, outcome=receipt.outcome, reason=receipt.reason, provider_id=receipt.provider_id,
            attempts=receipt.attempts, told_by="record",
        )  # fmt: skip
    why = _why_not(facts)
    if first is None:
        return _not_looked_up(facts, why, said)
    if first.closing and not why:
        fate = first.counts[0] if first.counts else None
        return Explanation(
            **said, addressed=True, outcome=fate.fate if fate else None, reason=fate.reason if fate else "",
            told_by="registration",
        )  # fmt: skip
    return _after_the_fact(facts, first, why, said)


def _not_looked_up(facts: Facts, why: Why, said: dict[str, Any]) -> Explanation:
    """Nobody has looked the device up yet, or nobody will; or it was another's then, or removed since."""
    if why == "unknown_device" and facts.worked and facts.send.request.receipts is not ReceiptsKept.ALL:
        return Explanation(**said, addressed=None, why=why, told_by="nothing")
    end = facts.closed
    if why or end is None:
        outcome = None if why else "open"
        return Explanation(**said, addressed=not why, why=why, outcome=outcome, told_by="registration")
    return Explanation(**said, addressed=True, outcome=end.fate, reason=end.reason, told_by="registration")


def _after_the_fact(facts: Facts, first: Part, why: Why, said: dict[str, Any]) -> Explanation:
    """The chunk is done, and its record does not name the device."""
    kept = facts.send.request.receipts
    if kept is ReceiptsKept.ALL:  # it would name everyone who was addressed
        return Explanation(**said, addressed=False, why=why or "registered_later", told_by="record")
    if why in ("rejected", "other_variant") or (why and _unchanged(facts.device, first.looked_up_at)):
        return Explanation(**said, addressed=False, why=why, told_by="registration")
    if why == "registered_later" and facts.device is not None and facts.device["first_seen"] > first.looked_up_at:
        return Explanation(**said, addressed=False, why=why, told_by="registration")
    if why or not _unchanged(facts.device, first.looked_up_at):
        return Explanation(**said, addressed=None, told_by="nothing")
    if kept is ReceiptsKept.NONE:
        return Explanation(**said, addressed=True, told_by="registration")
    return Explanation(**said, addressed=True, outcome=Fate.DELIVERED, told_by="registration")


def _why_not(facts: Facts) -> Why:
    """Why the device, as it is registered now, is not addressed; empty if it is."""
    if facts.send.problems:
        return "rejected"
    if facts.send.request.repeat is not None:
        return "repeated"
    if facts.device is None:
        return "" if facts.send.request.audience.tokens is not None and facts.named else "unknown_device"
    return _not_addressed(facts, facts.device) or _not_served(facts, facts.device)


def _not_addressed(facts: Facts, device: Mapping[str, Any]) -> Why:
    send = facts.send
    if device["variant"] not in {route.variant for route in send.routes}:
        return "other_variant"
    if facts.named is False:
        return "not_named"
    if facts.fits is False:
        return "does_not_fit"
    return ""


def _not_served(facts: Facts, device: Mapping[str, Any]) -> Why:
    looked = facts.first.looked_up_at if facts.first else facts.closed.at if facts.closed else None
    if looked is not None and device["first_seen"] > looked:
        return "registered_later"
    retired = device.get("retired")
    by_token = facts.send.request.audience.tokens is not None  # which is sent to whatever the registry says
    if retired and (looked is None or retired["at"] <= looked) and not by_token:
        return "out_of_service"
    return ""


def _unchanged(device: Mapping[str, Any] | None, since: datetime) -> bool:
    """Whether the registration is what it was then: every change of it is dated."""
    if device is None or device["registered_at"] > since:
        return False
    restored = device.get("restored_at")
    return restored is None or restored <= since
