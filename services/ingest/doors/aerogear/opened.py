"""`PUT /rest/registry/device/pushMessage/{message}`: an app tells that a message opened it.

The message's name is the send's id, a dot and the device's id: so each device counts once, however often it tells.
"""

from http import HTTPStatus

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.aerogear.credentials import variant_of
from services.ingest.doors.aerogear.request import EmptyAnswer
from shared.flow.identity import DEVICE_ID, SEND_ID, device_id, send_key
from shared.store.interactions import Told


async def opened(desk: Desk, call: Call) -> Reply:
    """Keeps it; of a message or device that is not known, nothing, and the answer is the same, as there."""
    variant, _ = await variant_of(desk, call)
    send, _, named = call.path["message"].partition(".")
    device = await _device(desk, call.app, variant, named)
    if device is not None and SEND_ID.fullmatch(send):
        key = send_key(call.app, send)
        if key in await desk.store.sends.accepted({key}):
            await desk.store.interactions.note([Told(key, device, "opened", None, desk.now())])
    return Reply(HTTPStatus.OK, EmptyAnswer())


async def _device(desk: Desk, app: str, variant: str, named: str) -> bytes | None:
    """A send's id alone says that somebody opened it: that counts once for the variant."""
    if not named:
        return device_id(variant, "somebody")
    if DEVICE_ID.fullmatch(named) is None:
        return None
    device = bytes.fromhex(named)
    return device if device in await desk.store.devices.known(app, {device}) else None
