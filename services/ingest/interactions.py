"""Devices tell what became of notifications on them: received, opened, dismissed, an action taken."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from shared.flow.identity import DEVICE_ID, SEND_ID, send_key
from shared.flow.model import Travelling
from shared.store.interactions import Kind, Told

MOST: Final = 500
AHEAD: Final = timedelta(minutes=5)
"""A device's clock that is further ahead than this says nothing: the time of arrival counts."""
SendId = Annotated[str, StringConstraints(pattern=f"^{SEND_ID.pattern}$")]
DeviceText = Annotated[str, StringConstraints(pattern=f"^{DEVICE_ID.pattern}$")]


class NewInteraction(Travelling):
    """One thing that happened on a device."""

    send: SendId = Field(description="the send's id, which a send with `interactions` puts into `carillon-send`")
    device: DeviceText = Field(description="the id that the device's registration answered")
    kind: Kind
    action: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        default=None, description="which action, for the kind `action`"
    )
    at: AwareDatetime | None = Field(default=None, description="when, by the device's clock; now unless set")

    @model_validator(mode="after")
    def _action_is_named(self) -> Self:
        if (self.action is None) == (self.kind == "action"):
            raise PydanticCustomError("action", "`action` is for the kind action, and needed there")
        return self


class NewInteractions(Travelling):
    """What happened, in any order; telling it again changes nothing."""

    interactions: tuple[NewInteraction, ...] = Field(min_length=1, max_length=MOST)


class Noted(Travelling):
    """How much of it was new; what is of an unknown send or device is passed over."""

    recorded: int
    repeated: int
    unknown: int


async def tell(desk: Desk, call: Call) -> Reply:
    """Keeps what devices tell."""
    new: NewInteractions = call.body
    now = desk.now()
    sends = await desk.store.sends.accepted({send_key(call.app, one.send) for one in new.interactions})
    devices = await desk.store.devices.known(call.app, {bytes.fromhex(one.device) for one in new.interactions})
    told = [
        Told(key, device, one.kind, one.action, _when(one.at, sends[key], now))
        for one in new.interactions
        if (key := send_key(call.app, one.send)) in sends and (device := bytes.fromhex(one.device)) in devices
    ]
    recorded = await desk.store.interactions.note(told)
    noted = Noted(recorded=recorded, repeated=len(told) - recorded, unknown=len(new.interactions) - len(told))
    return Reply(HTTPStatus.OK, noted)


def _when(said: datetime | None, accepted_at: datetime, now: datetime) -> datetime:
    """Nothing happens before its send, nor in the future."""
    if said is None or said > now + AHEAD:
        return now
    return max(said, accepted_at)
