"""A backend asks for receipts: of one device in a send, of all, or of a device in the sends of late."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from services.ingest.call import Call, Reply
from services.ingest.cursor import Cursor, read_cursor, write_cursor
from services.ingest.desk import Desk
from services.ingest.explaining import Explanation, Facts, Interaction, explain
from services.ingest.problems import missing
from shared.flow.audience import Audience
from shared.flow.identity import DEVICE_ID, SEND_ID, attempt_of, device_id, send_key
from shared.flow.model import Travelling
from shared.flow.plan import Plan
from shared.flow.receipt import Receipts, unpacked
from shared.flow.record import Part
from shared.flow.send import ReceiptsKept, Send
from shared.flow.verdict import Fate
from shared.flow.whereabouts import Attempt, Receipt, chunks_for, receipt_of
from shared.providers.registry import platforms, provider
from shared.store.receipts import Story

DeviceText = Annotated[str, StringConstraints(pattern=f"^{DEVICE_ID.pattern}$")]
LOOKED_THROUGH: Final = 1000
"""Sends that one look at a device's history goes through."""
PAGE: Final = 200
RECORDS: Final = 20


class Which(Travelling):
    """Whose receipts."""

    device: DeviceText | None = Field(default=None, description="of this device alone")
    after: Annotated[str, StringConstraints(max_length=300)] = Field(
        default="", description="`next` of the page before"
    )


class ReceiptPage(Travelling):
    """Receipts; of one device, or some chunks' worth of all that are kept."""

    kept: ReceiptsKept
    receipts: tuple[Receipt, ...]
    next: str | None = Field(default=None, description="`after` of the next page, or null at the end")


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
    kept = send.request.receipts
    if kept is ReceiptsKept.NONE or send.problems:
        return Reply(HTTPStatus.OK, ReceiptPage(kept=kept, receipts=()))
    if wanted.device is not None:
        device = bytes.fromhex(wanted.device)
        found = _receipt(device, await _story(desk, send, plan, device))
        return Reply(HTTPStatus.OK, ReceiptPage(kept=kept, receipts=(found,) if found else ()))
    story, more = await desk.store.receipts.page(send.key, wanted.after, RECORDS)
    page = tuple(one for part in story.parts for one in _all_of(part, story.receipts.get(part.member)))
    return Reply(HTTPStatus.OK, ReceiptPage(kept=kept, receipts=page, next=more))


async def show_one(desk: Desk, call: Call) -> Reply:
    """The whole story of one notification."""
    if DEVICE_ID.fullmatch(call.path["device"]) is None:
        raise missing("no device has such an id")
    send, plan = await _planned(desk, call)
    device = bytes.fromhex(call.path["device"])
    row = await desk.store.devices.get(call.app, device)
    return Reply(HTTPStatus.OK, await _explained(desk, send, plan, device, row))


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
            if not send.problems and _may_address(send, row):
                plan = None if send.small else await desk.store.plans.get(send.key)
                told = await _explained(desk, send, plan, bytes(row["_id"]), row)
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


def _may_address(send: Send, row: dict[str, object]) -> bool:
    """Whether it is worth a look: by variant, and by the few who are named in the send itself."""
    audience = send.request.audience
    if row["variant"] not in {route.variant for route in send.routes}:
        return False
    return bool(send.lists) or _named_in(audience, row) is not False


def _named_in(audience: Audience, row: dict[str, object]) -> bool | None:
    if audience.users is not None:
        return row.get("user") in audience.users
    if audience.devices is not None:
        return bytes(row["_id"]).hex() in audience.devices  # type: ignore[call-overload]  # bytes
    if audience.tokens is not None:
        return row["token"] in audience.tokens.get(str(row["variant"]), ())
    return None


async def _planned(desk: Desk, call: Call) -> tuple[Send, Plan | None]:
    wanted = call.path["send"]
    found = await desk.store.sends.planned(send_key(call.app, wanted)) if SEND_ID.fullmatch(wanted) else None
    if found is None:
        raise missing("the app has no such send")
    return found


async def _story(desk: Desk, send: Send, plan: Plan | None, device: bytes) -> Story:
    """One read, whatever the send is like."""
    if send.small:
        return await desk.store.receipts.in_send(send.key)
    if plan is None:
        return Story(())
    members = chunks_for(plan, device)
    if members is None:
        return await desk.store.receipts.naming(send.key, device)
    return await desk.store.receipts.in_chunks(members) if members else Story(())


async def _explained(
    desk: Desk, send: Send, plan: Plan | None, device: bytes, row: dict[str, object] | None
) -> Explanation:
    story = await _story(desk, send, plan, device)
    receipt = _receipt(device, story)
    variant = str(row["variant"]) if row else receipt.variant if receipt else None
    first = next((one for one in story.parts if attempt_of(one.member) == 1 and one.variant == variant), None)
    if receipt is None and first is None and plan is not None and chunks_for(plan, device) is None:
        first = await _some_chunk(desk, send, variant)
    told = await desk.store.interactions.of_device(send.key, device)
    fits = await desk.store.devices.fits(send.app, device, send.request.audience) if row else None
    return explain(
        Facts(
            send, device, row, await _named(desk, send, device, row), fits, first, receipt,
            chunk=_public(receipt, first, story),
            interactions=[Interaction(kind=one.kind, action=one.action, at=one.at) for one in told],
        )
    )  # fmt: skip


async def _some_chunk(desk: Desk, send: Send, variant: str | None) -> Part | None:
    """Of a list, when it is finished: any chunk's time says when it was looked up, to a few seconds."""
    if await desk.store.reports.get(send.key) is None or (await desk.reports.of(send)).state != "finished":
        return None
    parts = await desk.store.records.of_send(send.key)
    firsts = [one for one in parts if one.first and one.variant == variant]
    return min(firsts, key=lambda one: one.looked_up_at, default=None)


def _public(receipt: Receipt | None, first: Part | None, story: Story) -> str | None:
    """The chunk's id without the app."""
    del receipt
    found = first or next(iter(story.parts), None)
    return found.member.split(".", 1)[1] if found else None


async def _named(desk: Desk, send: Send, device: bytes, row: dict[str, object] | None) -> bool | None:
    """Whether the device is among those that the send names; None if it names nobody."""
    audience = send.request.audience
    if audience.named is None:
        return None
    if not send.lists:
        return _named_in(audience, row) if row is not None else _named_raw(audience, device)
    if audience.devices is not None:
        return await desk.store.lists.holds(send.list_name("devices"), device.hex())
    if row is None or (audience.users is not None and row.get("user") is None):
        return False
    if audience.users is not None:
        return await desk.store.lists.holds_user(send, str(row["user"]))
    return await desk.store.lists.holds(send.list_name(f"tokens/{row['variant']}"), str(row["token"]))


def _named_raw(audience: Audience, device: bytes) -> bool:
    """Of a device that is not registered: by its id, or as a raw token that has this id."""
    raw = [(variant, token) for variant, found in (audience.tokens or {}).items() for token in found]
    ids = [device_id(variant, f"t:{token}") for variant, token in raw]
    return device in ids or device.hex() in (audience.devices or ())


def _receipt(device: bytes, story: Story) -> Receipt | None:
    return receipt_of(device, story.parts, story.receipts, _called)


def _called(platform: str, key: str, device: bytes) -> str | None:
    return provider(platform).notification_name(key, device) if platform in platforms() else None


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
        provider_id=name or (_called(part.platform, part.send, device) if asked else None),
    )  # fmt: skip
