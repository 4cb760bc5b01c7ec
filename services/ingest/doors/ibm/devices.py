"""Devices: apps register, look at, change and remove their own; a backend sees them all."""

from http import HTTPStatus
from typing import Any

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm.registration import DeviceChange, DevicePage, Devices, NewDevice, view_of
from services.ingest.doors.ibm.variants import ids_of, targets_of, variant_for
from services.ingest.doors.ibm.wording import place
from services.ingest.doors.ibm.words import PLATFORMS
from services.ingest.problems import Refused, field_invalid, missing
from shared.flow.identity import device_id
from shared.providers.registry import provider
from shared.store.devices import Registration
from shared.store.named import Which


async def register(desk: Desk, call: Call) -> Reply:
    """Registers a device, or registers it again; there is one of a name in an app, as with IBM."""
    new: NewDevice = call.body
    name = new.device_id
    target = await variant_for(desk, call, new.platform)
    token = provider(target.platform).canonical(new.token)
    registration = Registration(
        call.app, target.variant, target.platform, token, name, new.profile(), called=name
    )  # fmt: skip
    device, _ = await desk.store.devices.register(registration, desk.now())
    others = [device_id(one.variant, f"i:{name}") for one in (await desk.rosters.of(call.app)).targets]
    await desk.store.named.remove(call.app, [one for one in others if one != device])
    row = await desk.store.devices.get(call.app, device)
    if row is None:  # removed meanwhile
        raise none_such()
    return Reply(HTTPStatus.CREATED, view_of(row, name), place(call.app, "devices", name))


async def show(desk: Desk, call: Call) -> Reply:
    """One device. One whose token is dead is not there, so that its app registers it again."""
    row = await the_device(desk, call, call.path["device"])
    if not row["live"]:
        raise none_such()
    return Reply(HTTPStatus.OK, view_of(row, call.path["device"]))


async def change(desk: Desk, call: Call) -> Reply:
    """Another token or user."""
    wanted: DeviceChange = call.body
    name = call.path["device"]
    row = await the_device(desk, call, name)
    if wanted.device_id not in (None, name):
        raise field_invalid("/deviceId", "is not that of the path")
    if wanted.platform is not None and PLATFORMS[wanted.platform] != row["platform"]:
        raise field_invalid("/platform", "a device does not change its platform: register it anew")
    token = provider(row["platform"]).canonical(wanted.token) if wanted.token else None
    device = bytes(row["_id"])
    await desk.store.devices.update(call.app, device, wanted.profile(), token, desk.now())
    changed = await desk.store.devices.get(call.app, device)
    if changed is None:  # removed meanwhile
        raise none_such()
    return Reply(HTTPStatus.OK, view_of(changed, name))


async def remove(desk: Desk, call: Call) -> Reply:
    """Removes a device."""
    ids = ids_of(call.path["device"], await targets_of(desk, call))
    if not await desk.store.named.remove(call.app, ids):
        raise none_such()
    return Reply(HTTPStatus.NO_CONTENT)


async def show_all(desk: Desk, call: Call) -> Reply:
    """A page of devices."""
    page: DevicePage = call.query
    variants = [
        one.variant for one in await targets_of(desk, call) if page.platform is None or one.platform == page.platform
    ]
    which = Which(call.app, variants, page.user_id)
    rows = await desk.store.named.page(which, page.offset, page.size)
    info = page.info(place(call.app, "devices"), len(rows), await desk.store.named.count(which))
    return Reply(HTTPStatus.OK, Devices(devices=tuple(map(view_of, rows)), page_info=info))


async def the_device(desk: Desk, call: Call, name: str) -> dict[str, Any]:
    """The app's device of this name, in service or not. Raises `Refused`."""
    found = await desk.store.named.find(call.app, ids_of(name, await targets_of(desk, call)))
    if not found:
        raise none_such()
    return found[0]


def none_such() -> Refused:
    """To be raised: the app has no such device."""
    return missing("the app has no such device")
