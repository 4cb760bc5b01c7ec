"""Messages that were sent: shown, listed, called off; and what devices tell of them."""

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm.request import DeviceName
from services.ingest.doors.ibm.variables import restored
from services.ingest.doors.ibm.variants import ids_of, targets_of
from services.ingest.doors.ibm.wording import LARGEST, Camel, Page, PageInfo, Said, place, when
from services.ingest.doors.ibm.words import one_of
from services.ingest.orders import cancel
from services.ingest.problems import Refused, missing
from services.ingest.sends import the_send
from shared.flow.message import Message
from shared.flow.send import Send
from shared.store.interactions import Kind, Told

_TOLD: Final[dict[str, Kind]] = {"OPEN": "opened", "SEEN": "received"}


class Line(Said):
    """One message in a list."""

    message_id: str
    created_time: str
    href: str
    alert: str | None = None


class Messages(Said):
    """A page of messages, newest first."""

    messages: tuple[Line, ...]
    page_info: PageInfo


class View(Line):
    """One message."""

    message: JsonValue
    status: str


class MessagePage(Page):
    """Which part of the messages is asked for."""

    FURTHEST: ClassVar[int] = 1000
    offset: int = Field(default=0, ge=0, le=FURTHEST)


class DeviceStatus(Camel):
    """What a device tells of a message."""

    device_id: DeviceName
    status: Annotated[str, one_of(*_TOLD)]


class Noted(Said):
    """It was heard."""

    message_id: str
    device_id: str
    status: str


async def show(desk: Desk, call: Call) -> Reply:
    """One message."""
    send = await the_send(desk, call.app, call.path["message"])
    report = await desk.reports.of(send)
    line, message = _line(send), send.request.message
    said = {"alert": line.alert} | ({"url": url} if (url := _url(message)) else {})
    status = report.state.upper()
    return Reply(HTTPStatus.OK, View(**line.model_dump(by_alias=False), message={"message": said}, status=status))


async def show_all(desk: Desk, call: Call) -> Reply:
    """A page of messages."""
    page: MessagePage = call.query
    lines = tuple(map(_line, await desk.store.sends.listed(call.app, page.offset, page.size)))
    total = await desk.store.sends.count(call.app, page.FURTHEST + LARGEST)  # no more can be paged to
    info = page.info(place(call.app, "messages"), len(lines), total)
    return Reply(HTTPStatus.OK, Messages(messages=lines, page_info=info))


async def remove(desk: Desk, call: Call) -> Reply:
    """Calls off what of a message was not sent; of one that is finished, nothing is left to call off."""
    try:
        await cancel(desk, Call(call.key, {"send": call.path["message"]}))
    except Refused as refusal:
        if refusal.document.status != HTTPStatus.CONFLICT:
            raise
    return Reply(HTTPStatus.NO_CONTENT)


async def tell(desk: Desk, call: Call) -> Reply:
    """Keeps that a device showed or opened a message."""
    told: DeviceStatus = call.body
    send = await the_send(desk, call.app, call.path["message"])
    ids = ids_of(told.device_id, await targets_of(desk, call))
    known = await desk.store.devices.known(call.app, ids)
    if not known:
        raise missing("the app has no such device")
    kind, now = _TOLD[told.status.upper()], desk.now()
    await desk.store.interactions.note([Told(send.key, device, kind, None, now) for device in known])
    noted = Noted(message_id=send.id, device_id=told.device_id, status=told.status)
    return Reply(HTTPStatus.OK, noted)


def _line(send: Send) -> Line:
    return Line(
        message_id=send.id,
        created_time=when(send.accepted_at),
        href=place(send.app, "messages", send.id),
        alert=restored(send.request.message),
    )


def _url(message: Message) -> JsonValue:
    for block, part in (("apns", "payload"), ("fcm", "data")):
        found = (message.raw_for(block) or {}).get(part)
        if isinstance(found, dict) and "url" in found:
            return found["url"]
    return None
