"""Subscriptions: a device has a tag that its app offers. One at a time, or many with an answer for each."""

import base64
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm.devices import the_device
from services.ingest.doors.ibm.refusing import MISSING, MISSING_QUERY, NOT_SUBSCRIBED, SUBSCRIBED, UNAUTHORIZED, Coded
from services.ingest.doors.ibm.registration import name_of
from services.ingest.doors.ibm.subscribing import (
    Action,
    Found,
    Named,
    NotFound,
    Several,
    Subscribed,
    Subscription,
    SubscriptionPage,
    Subscriptions,
    Unsubscribed,
)
from services.ingest.doors.ibm.variants import targets_of
from services.ingest.doors.ibm.wording import place
from services.ingest.problems import Refused
from services.ingest.subscriptions import TAGS
from shared.store.named import Which

Row = dict[str, Any]
_ID: Final = ":"
"""Between the device and the tag in a subscription's id."""


async def post(desk: Desk, call: Call) -> Reply:
    """Subscribes a device to a tag, or to several; or with `action=delete` takes several from it."""
    wanted: Several = call.body
    action: Action = call.query
    row = await the_device(desk, call, wanted.device_id)
    if action.action == "delete":
        return await _taken_away(desk, row, wanted)
    if wanted.tag_names is None:
        return await _added_one(desk, row, wanted.device_id, wanted.tags[0])
    return await _added(desk, row, wanted)


async def show_all(desk: Desk, call: Call) -> Reply:
    """The subscriptions of a device, or to a tag, or of a user."""
    page: SubscriptionPage = call.query
    if page.device_id is not None:
        row = await the_device(desk, call, page.device_id)
        mine = page.user_id in (None, row.get("user"))
        found = [_named(row, tag, page.device_id) for tag in row.get("tags", ()) if mine and _asked(page, tag)]
        return _page(call, page, found[page.offset : page.offset + page.size], len(found))
    if call.key.kind != "app":
        raise Coded(HTTPStatus.FORBIDDEN, UNAUTHORIZED, "an app sees its own device only: give deviceId")
    if page.tag_name is None and page.user_id is None:
        raise Coded(HTTPStatus.BAD_REQUEST, MISSING_QUERY, "query: give deviceId, tagName or userId")
    which = Which(call.app, [one.variant for one in await targets_of(desk, call)], page.user_id, page.tag_name)
    rows = await desk.store.named.page(which, page.offset, page.size)
    found = [_named(row, tag) for row in rows for tag in row.get("tags", ()) if _asked(page, tag)]
    return _page(call, page, found, await desk.store.named.count(which))


async def show(desk: Desk, call: Call) -> Reply:
    """One subscription, by its id."""
    row, tag = await _by_id(desk, call)
    return Reply(HTTPStatus.OK, _named(row, tag))


async def remove(desk: Desk, call: Call) -> Reply:
    """Takes a tag from a device; both are in the query."""
    which: Named = call.query
    row = await the_device(desk, call, which.device_id)
    await _unsubscribed(desk, row, which.tag_name)
    return Reply(HTTPStatus.NO_CONTENT)


async def remove_one(desk: Desk, call: Call) -> Reply:
    """The same, by the subscription's id."""
    row, tag = await _by_id(desk, call)
    await _unsubscribed(desk, row, tag)
    return Reply(HTTPStatus.NO_CONTENT)


async def _added_one(desk: Desk, row: Row, name: str, tag: str) -> Reply:
    if not await desk.store.tags.offered(row["app"], [tag]):
        raise Coded(HTTPStatus.NOT_FOUND, MISSING, "the app offers no such tag")
    if tag in row.get("tags", ()):
        raise Coded(HTTPStatus.CONFLICT, SUBSCRIBED, "the device has this tag already")
    await _give(desk, row, [tag])
    made = _named(row, tag, name)
    return Reply(HTTPStatus.CREATED, made, made.href)


async def _added(desk: Desk, row: Row, wanted: Several) -> Reply:
    offered = await desk.store.tags.offered(row["app"], wanted.tags)
    had = [tag for tag in wanted.tags if tag in offered and tag in row.get("tags", ())]
    new = [tag for tag in wanted.tags if tag in offered and tag not in had]
    if new:
        await _give(desk, row, new)
    done = Subscribed(
        tags_not_found=_not_found(wanted.tags, offered),
        subscription_exists=tuple(_found(row, tag, wanted.device_id) for tag in had),
        subscribed=tuple(_found(row, tag, wanted.device_id) for tag in new),
    )
    return Reply(HTTPStatus.MULTI_STATUS, done)


async def _taken_away(desk: Desk, row: Row, wanted: Several) -> Reply:
    offered = await desk.store.tags.offered(row["app"], wanted.tags)
    had = [tag for tag in wanted.tags if tag in row.get("tags", ())]
    if had:
        await desk.store.devices.unsubscribe(row["app"], bytes(row["_id"]), had, {}, TAGS)
    done = Unsubscribed(
        tags_not_found=_not_found(wanted.tags, offered | set(had)),
        subscription_not_exists=tuple(
            _found(row, tag, wanted.device_id) for tag in wanted.tags if tag in offered and tag not in had
        ),
        unsubscribed=tuple(_found(row, tag, wanted.device_id) for tag in had),
    )
    return Reply(HTTPStatus.MULTI_STATUS, done)


async def _give(desk: Desk, row: Row, tags: Sequence[str]) -> None:
    if await desk.store.devices.subscribe(row["app"], bytes(row["_id"]), tags, {}, TAGS) is not True:
        raise Coded(HTTPStatus.BAD_REQUEST, "FPWSE0005E", f"a device has at most {TAGS} tags")


async def _unsubscribed(desk: Desk, row: Row, tag: str) -> None:
    if tag not in row.get("tags", ()):
        raise _no_such()
    await desk.store.devices.unsubscribe(row["app"], bytes(row["_id"]), [tag], {}, TAGS)


async def _by_id(desk: Desk, call: Call) -> tuple[Row, str]:
    """The device and the tag of a subscription's id. Raises `Refused`."""
    device, _, told = call.path["subscription"].partition(_ID)
    try:
        tag = base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)).decode()
        found = await desk.store.named.find(call.app, [bytes.fromhex(device)])
    except ValueError:
        raise _no_such() from None
    if not found or tag not in found[0].get("tags", ()):
        raise _no_such()
    return found[0], tag


def _no_such() -> Refused:
    return Coded(HTTPStatus.NOT_FOUND, NOT_SUBSCRIBED, "there is no such subscription")


def _asked(page: SubscriptionPage, tag: str) -> bool:
    return page.tag_name in (None, tag)


def _page(call: Call, page: SubscriptionPage, found: Sequence[Subscription], total: int) -> Reply:
    info = page.info(place(call.app, "subscriptions"), len(found), total)
    return Reply(HTTPStatus.OK, Subscriptions(subscriptions=tuple(found), page_info=info))


def _not_found(tags: Sequence[str], offered: set[str]) -> NotFound:
    return NotFound(tags=tuple(tag for tag in tags if tag not in offered))


def _found(row: Row, tag: str, name: str) -> Found:
    id_ = _id(row, tag)
    return Found(tag_name=tag, subscription_id=id_, device_id=name, href=place(row["app"], "subscriptions", id_))


def _named(row: Row, tag: str, name: str | None = None) -> Subscription:
    one = _found(row, tag, name or name_of(row))
    return Subscription(**one.model_dump(by_alias=False), user_id=row.get("user"))


def _id(row: Row, tag: str) -> str:
    return bytes(row["_id"]).hex() + _ID + base64.urlsafe_b64encode(tag.encode()).decode().rstrip("=")
