"""A device subscribes to tags and categories and unsubscribes from them, without saying all that it is again."""

from http import HTTPStatus
from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.devices import DeviceChanged, device_named, none_such
from services.ingest.problems import Refused, field_invalid
from shared.flow.audience import Tag
from shared.flow.model import Travelling
from shared.flow.rules import CATEGORIES, Category

TAGS: Final = 100
"""Tags of a device, and categories that it may have a wish about."""


class Subscription(Travelling):
    """Tags to add or take away, categories to want or not to want."""

    tags: Annotated[tuple[Tag, ...], Field(max_length=TAGS)] = ()
    categories: Annotated[tuple[Category, ...], Field(max_length=CATEGORIES)] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.tags or self.categories):
            raise PydanticCustomError("nothing", "name at least one of tags or categories")
        return self


async def subscribe(desk: Desk, call: Call) -> Reply:
    """From now on it has these tags, and wants these categories."""
    wanted: Subscription = call.body
    device = device_named(call)
    wishes = dict.fromkeys(wanted.categories, True)
    return _answer(device, await desk.store.devices.subscribe(call.app, device, wanted.tags, wishes, TAGS))


async def unsubscribe(desk: Desk, call: Call) -> Reply:
    """From now on it does not have these tags, and does not want these categories."""
    wanted: Subscription = call.body
    device = device_named(call)
    wishes = dict.fromkeys(wanted.categories, False)
    return _answer(device, await desk.store.devices.unsubscribe(call.app, device, wanted.tags, wishes, TAGS))


def _answer(device: bytes, done: bool | None) -> Reply:  # noqa: FBT001  # the store's own three answers
    if done is None:
        raise none_such()
    if not done:
        raise _full()
    return Reply(HTTPStatus.OK, DeviceChanged(id=device.hex()))


def _full() -> Refused:
    return field_invalid("/tags", f"a device has at most {TAGS} tags and wishes about {TAGS} categories")
