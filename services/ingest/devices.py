"""Apps register, change and remove their device; only a backend may look at one."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pydantic import Field

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import Refused, field_invalid, missing
from services.ingest.profile import Attribute, DeviceToken, Installation, Profile
from shared.flow.identity import DEVICE_ID
from shared.flow.model import Travelling
from shared.providers.registry import provider
from shared.store.devices import Registration


class NewDevice(Profile):
    """A device to register, or to register again: the same installation, or the same token, is the same device."""

    variant: str = Field(max_length=64)
    token: DeviceToken = Field(description="what the platform gave the app to be reached by")
    installation: Installation | None = Field(
        default=None, description="an id of the app's own making that lives as long as the installation"
    )


class DeviceChange(Profile):
    """What changes of a device."""

    token: DeviceToken = Field(default="", description="a new token; the device stays the same")


class DeviceRegistered(Travelling):
    """The device's id, for changes. It says nothing else: who registers need not be who may look."""

    id: str
    variant: str
    platform: str


class DeviceChanged(Travelling):
    """It was changed."""

    id: str


class Retired(Travelling):
    """Why a device is out of service: its token is dead."""

    at: datetime
    reason: str
    since: datetime | None = None


class DeviceView(Travelling):
    """One device."""

    id: str
    variant: str
    platform: str
    token: str
    user: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    locale: str | None = None
    zone: str | None = None
    app_version: str | None = None
    os_version: str | None = None
    categories: dict[str, bool] = Field(default_factory=dict)
    first_seen: datetime
    registered_at: datetime
    called: str | None = Field(default=None, description="what its app calls it, where a door asks for that")
    retired: Retired | None = None


async def register(desk: Desk, call: Call) -> Reply:
    """Registers a device."""
    new: NewDevice = call.body
    platform = (await desk.rosters.of(call.app)).platform(new.variant)
    if platform is None:
        platform = (await desk.rosters.of(call.app, fresh=True)).platform(new.variant)
    if platform is None:
        raise field_invalid("/variant", "the app has no such variant")
    token = provider(platform).canonical(new.token)
    registration = Registration(call.app, new.variant, platform, token, new.installation, new.said())
    device, fresh = await desk.store.devices.register(registration, desk.now())
    done = DeviceRegistered(id=device.hex(), variant=new.variant, platform=platform)
    if not fresh:
        return Reply(HTTPStatus.OK, done)
    return Reply(HTTPStatus.CREATED, done, f"/v1/devices/{done.id}")


async def change(desk: Desk, call: Call) -> Reply:
    """Changes a device."""
    wanted: DeviceChange = call.body
    device = device_named(call)
    known = await desk.store.devices.get(call.app, device) if wanted.token else None
    token = provider(known["platform"]).canonical(wanted.token) if known else None
    if not await desk.store.devices.update(call.app, device, wanted.said(), token, desk.now()):
        raise none_such()
    return Reply(HTTPStatus.OK, DeviceChanged(id=device.hex()))


async def remove(desk: Desk, call: Call) -> Reply:
    """Removes a device."""
    if not await desk.store.devices.delete(call.app, device_named(call)):
        raise none_such()
    return Reply(HTTPStatus.NO_CONTENT)


async def show(desk: Desk, call: Call) -> Reply:
    """One device."""
    device = device_named(call)
    found = await desk.store.devices.get(call.app, device)
    if found is None:
        raise none_such()
    return Reply(HTTPStatus.OK, view_of(found))


def view_of(row: Mapping[str, Any]) -> DeviceView:
    """A device as its app sees it."""
    known = {name: row[name] for name in DeviceView.model_fields if name in row}
    return DeviceView.model_validate({**known, "id": bytes(row["_id"]).hex()})


def device_named(call: Call) -> bytes:
    """The id of the device that the path names. Raises `Refused`."""
    text = call.path["device"]
    if DEVICE_ID.fullmatch(text) is None:
        raise none_such()
    return bytes.fromhex(text)


def none_such() -> Refused:
    """To be raised."""
    return missing("the app has no such device")
