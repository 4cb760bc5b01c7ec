"""Gathers what the story of one device in a send rests on: its receipt, its chunk's record, whether it is named."""

from services.ingest.desk import Desk
from services.ingest.explaining import Closed, Explanation, Facts, Interaction, explain
from shared.flow.audience import Audience
from shared.flow.identity import attempt_of, device_id
from shared.flow.plan import Plan
from shared.flow.record import Part
from shared.flow.resolving import at_moment
from shared.flow.send import Send
from shared.flow.whereabouts import Receipt, chunks_for, receipt_of
from shared.providers.registry import platforms, provider
from shared.store.receipts import Story


async def told_of(
    desk: Desk, send: Send, plan: Plan | None, device: bytes, row: dict[str, object] | None
) -> Explanation:
    """The whole story; `row`: the device as it is registered now."""
    story = await _story(desk, send, plan, device)
    receipt = _receipt(device, story)
    variant = str(row["variant"]) if row else receipt.variant if receipt else None
    first = next((one for one in story.parts if attempt_of(one.member) == 1 and one.variant == variant), None)
    if receipt is None and first is None and plan is not None and chunks_for(plan, device) is None:
        first = await _some_chunk(desk, send, variant)
    end = await _closed(desk, plan, variant)
    told = await desk.store.interactions.of_device(send.key, device)
    audience = at_moment(send.request.audience, desk.now())
    fits = await desk.store.devices.fits(send.app, device, audience) if row else None
    return explain(
        Facts(
            send, device, row, await _named(desk, send, device, row), fits, first, receipt,
            closed=end, worked=row is None and await _worked(desk, send, story), chunk=_public(first, story),
            interactions=[Interaction(kind=one.kind, action=one.action, at=one.at) for one in told],
        )
    )  # fmt: skip


async def receipt_in(desk: Desk, send: Send, plan: Plan | None, device: bytes) -> Receipt | None:
    """What is kept of it."""
    return _receipt(device, await _story(desk, send, plan, device))


def may_address(send: Send, row: dict[str, object]) -> bool:
    """Whether it is worth a look: by variant, and by the few who are named in the send itself."""
    audience = send.request.audience
    if row["variant"] not in {route.variant for route in send.routes}:
        return False
    return bool(send.lists) or _named_in(audience, row) is not False


def called(platform: str, key: str, device: bytes) -> str | None:
    """What the provider calls the notification, where that follows from send and device."""
    return provider(platform).notification_name(key, device) if platform in platforms() else None


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


async def _some_chunk(desk: Desk, send: Send, variant: str | None) -> Part | None:
    """Of a list, when it is finished: any chunk's time says when it was looked up, to a few seconds."""
    if await desk.store.reports.get(send.key) is None or (await desk.reports.of(send)).state != "finished":
        return None
    parts = await desk.store.records.of_send(send.key)
    firsts = [one for one in parts if one.first and one.variant == variant]
    return min(firsts, key=lambda one: one.looked_up_at, default=None)


async def _closed(desk: Desk, plan: Plan | None, variant: str | None) -> Closed | None:
    """Of a send that ended before it was planned."""
    counted = next((one for one in plan.counted if one.variant == variant), None) if plan is not None else None
    final = await desk.store.reports.get(plan.key) if plan is not None and counted is not None else None
    if counted is None or final is None or final.finished_at is None:
        return None
    return Closed(final.finished_at, counted.fate, counted.reason)


async def _worked(desk: Desk, send: Send, story: Story) -> bool:
    """Whether a device that is not registered (any more) may have been addressed."""
    if story.parts:
        return True
    final = None if send.small else await desk.store.reports.get(send.key)
    return final is not None and final.state == "finished"


def _public(first: Part | None, story: Story) -> str | None:
    """The chunk's id without the app."""
    found = first or next(iter(story.parts), None)
    return found.member.split(".", 1)[1] if found else None


async def _named(desk: Desk, send: Send, device: bytes, row: dict[str, object] | None) -> bool | None:
    """Whether the device is among those that the send names; None if it names nobody."""
    audience = send.request.audience
    if audience.named is None:
        return None
    if not send.walks_lists:
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


def _named_in(audience: Audience, row: dict[str, object]) -> bool | None:
    if audience.users is not None:
        return row.get("user") in audience.users
    if audience.devices is not None:
        return bytes(row["_id"]).hex() in audience.devices  # type: ignore[call-overload]  # bytes
    if audience.tokens is not None:
        return row["token"] in audience.tokens.get(str(row["variant"]), ())
    return None


def _receipt(device: bytes, story: Story) -> Receipt | None:
    return receipt_of(device, story.parts, story.receipts, called)
