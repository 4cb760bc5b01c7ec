"""A backend asks for receipts: of one device in a send, of all, or of a device in the sends of late."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from services.ingest.call import Call, Reply
from services.ingest.cursor import Cursor, read_cursor, write_cursor
from services.ingest.desk import Desk
from services.ingest.explaining import Explanation
from services.ingest.problems import missing
from services.ingest.stories import called, may_address, receipt_in, told_of
from shared.flow.identity import DEVICE_ID, SEND_ID, attempt_of, send_key
from shared.flow.model import Travelling
from shared.flow.plan import Plan
from shared.flow.receipt import Receipts, unpacked
from shared.flow.record import Part
from shared.flow.send import ReceiptsKept, Send
from shared.flow.verdict import Fate
from shared.flow.whereabouts import Attempt, Receipt

DeviceText = Annotated[str, StringConstraints(pattern=f"^{DEVICE_ID.pattern}$")]
LOOKED_THROUGH: Final = 1000
"""Sends that one look at a device's history goes through."""
PAGE: Final = 200
RECORDS: Final = 20


class Which(Travelling):
    """Whose receipts."""

    device: DeviceText | None = Field(default=None, description="of this device alone")
    after: Annotated[str, StringConstraints(max_length=1000)] = Field(
        default="", description="`next` of the page before"
    )


class ReceiptPage(Travelling):
    """Receipts; of one device, or some chunks' worth of all that are kept."""

    kept: ReceiptsKept
    receipts: tuple[Receipt, ...]
    next: str | None = Field(default=None, description="`after` of the next page, or null at the end")
    dry_run: bool = Field(default=False, description="nobody was reached: delivered means that it would have been sent")


class Back(Travelling):
    """How far back."""

    limit: int = Field(default=20, ge=1, le=100)
    after: Cursor | None = Field(default=None, description="`next` of the page before")


class History(Travelling):
    """What became of late of the sends that address a device, newest first."""

    device: str
    sends: tuple[Explanation, ...]
    searched_until: datetime | None = Field(description="sends accepted before this were not looked at")
    next: str | None = Field(description="`after` of the next page, or null at the end")


async def show(desk: Desk, call: Call) -> Reply:
    """Receipts of a send."""
    wanted: Which = call.query
    send, plan = await _planned(desk, call)
    kept, dry_run = send.request.receipts, send.request.dry_run
    if kept is ReceiptsKept.NONE or send.problems:
        return Reply(HTTPStatus.OK, ReceiptPage(kept=kept, receipts=(), dry_run=dry_run))
    if wanted.device is not None:
        device = bytes.fromhex(wanted.device)
        found = await receipt_in(desk, send, plan, device)
        return Reply(HTTPStatus.OK, ReceiptPage(kept=kept, receipts=(found,) if found else (), dry_run=dry_run))
    story, more = await desk.store.receipts.page(send.key, wanted.after, RECORDS)
    page = tuple(one for part in story.parts for one in _all_of(part, story.receipts.get(part.member)))
    return Reply(HTTPStatus.OK, ReceiptPage(kept=kept, receipts=page, next=more, dry_run=dry_run))


async def show_one(desk: Desk, call: Call) -> Reply:
    """The whole story of one notification."""
    if DEVICE_ID.fullmatch(call.path["device"]) is None:
        raise missing("no device has such an id")
    send, plan = await _planned(desk, call)
    device = bytes.fromhex(call.path["device"])
    row = await desk.store.devices.get(call.app, device)
    return Reply(HTTPStatus.OK, await told_of(desk, send, plan, device, row))


async def history(desk: Desk, call: Call) -> Reply:
    """What became of late of the sends that address a device."""
    back: Back = call.query
    text = call.path["device"]
    row = await desk.store.devices.get(call.app, bytes.fromhex(text)) if DEVICE_ID.fullmatch(text) else None
    if row is None:
        raise missing("the app has no such device")
    found: list[Explanation] = []
    last: Send | None = None
    before = read_cursor(back.after, call.app) if back.after else None
    looked, more = 0, True
    while more and looked < LOOKED_THROUGH and len(found) < back.limit:
        page = await desk.store.sends.latest(call.app, PAGE, before)
        more = len(page) == PAGE
        for send in page:
            last, looked = send, looked + 1
            before = (send.accepted_at, send.key)
            if not send.problems and may_address(send, row):
                plan = None if send.small else await desk.store.plans.get(send.key)
                told = await told_of(desk, send, plan, bytes(row["_id"]), row)
                if told.addressed is not False:
                    found.append(told)
            if len(found) == back.limit:
                more = True
                break
    cursor = write_cursor(last) if more and last is not None else None
    said = History(
        device=text, sends=tuple(found), searched_until=last.accepted_at if cursor and last else None, next=cursor
    )
    return Reply(HTTPStatus.OK, said)


async def _planned(desk: Desk, call: Call) -> tuple[Send, Plan | None]:
    wanted = call.path["send"]
    found = await desk.store.sends.planned(send_key(call.app, wanted)) if SEND_ID.fullmatch(wanted) else None
    if found is None:
        raise missing("the app has no such send")
    return found


def _all_of(part: Part, received: Receipts | None) -> Sequence[Receipt]:
    """Everyone who has an end in a chunk, with this attempt alone."""
    number, at = attempt_of(part.member), part.last_answer_at or part.looked_up_at
    found = [
        _ended(part, one.device, Attempt(attempt=number, at=at, outcome=one.fate, reason=one.reason), one.since)
        for one in part.undelivered
    ]
    if received is not None:
        names = unpacked(received.names)
        for place, device in enumerate(received.each()):
            delivered = Attempt(attempt=number, at=received.at(place) or at, outcome=Fate.DELIVERED)
            found.append(_ended(part, device, delivered, None, names[place] if names else None))
    return found


def _ended(part: Part, device: bytes, attempt: Attempt, since: datetime | None, name: str | None = None) -> Receipt:
    asked = attempt.outcome not in (Fate.SUPPRESSED, Fate.EXPIRED, Fate.CANCELLED)
    return Receipt(
        device=device.hex(), variant=part.variant, platform=part.platform, outcome=attempt.outcome,
        reason=attempt.reason, since=since, attempts=(attempt,),
        provider_id=name or (called(part.platform, part.send, device) if asked else None),
    )  # fmt: skip
