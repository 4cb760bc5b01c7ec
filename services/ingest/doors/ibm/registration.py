"""What an app on a phone says of its device, and what it is told: IBM's words for our registry's."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field, JsonValue, StringConstraints

from services.ingest.doors.ibm.request import DeviceName
from services.ingest.doors.ibm.wording import CREATED_MODE, NOBODY, Camel, Page, PageInfo, Said, place, when
from services.ingest.doors.ibm.words import PLATFORMS, Platform, refused
from services.ingest.profile import ATTRIBUTES, Attribute, AttributeName, DeviceToken

_LETTERS: Final = {platform: letter for letter, platform in PLATFORMS.items()}
UserName = Annotated[str, StringConstraints(max_length=254)]


class DeviceChange(Camel):
    """What is put to `/devices/{deviceId}`: the user is replaced, so leaving it out makes the device nobody's."""

    device_id: DeviceName | None = None
    token: DeviceToken | None = None
    platform: Platform | None = None
    user_id: UserName | None = None
    variables: Annotated[dict[AttributeName, Attribute], Field(max_length=ATTRIBUTES)] | None = None
    phone_number: Annotated[JsonValue, refused("there are no text messages here")] = None

    def profile(self) -> dict[str, Any]:
        """What of it a registration of ours says."""
        variables = {} if self.variables is None else {"attributes": self.variables}
        return {"user": None if self.user_id in (None, "", NOBODY) else self.user_id, **variables}


class NewDevice(DeviceChange):
    """What is posted to `/devices`."""

    device_id: DeviceName
    token: DeviceToken
    platform: Platform


class DeviceView(Said):
    """One device. `userId` is `anonymous` for nobody, as their SDKs expect."""

    device_id: str
    token: str
    platform: str
    user_id: str = NOBODY
    created_time: str
    last_updated_time: str
    created_mode: str = CREATED_MODE
    href: str


class Devices(Said):
    """A page of devices."""

    devices: tuple[DeviceView, ...]
    page_info: PageInfo


class DevicePage(Page):
    """Which devices are asked for."""

    user_id: str | None = None
    filter: Annotated[str, StringConstraints(pattern=r"^platform==[AG]$")] | None = Field(
        default=None, description="`platform==A` or `platform==G`; there is no other"
    )

    @property
    def platform(self) -> str | None:
        """Ours, if one is asked for."""
        return PLATFORMS[self.filter[-1]] if self.filter else None


def view_of(row: Mapping[str, Any], name: str | None = None) -> DeviceView:
    """A device as the store has it; `name` is what it was asked for by."""
    called = name or name_of(row)
    return DeviceView(
        device_id=called,
        token=row["token"],
        platform=_LETTERS.get(row["platform"], row["platform"]),
        user_id=row.get("user") or NOBODY,
        created_time=when(row["first_seen"]),
        last_updated_time=when(row["registered_at"]),
        href=place(row["app"], "devices", called),
    )


def name_of(row: Mapping[str, Any]) -> str:
    """What its app calls a device; our id of one that was not registered here."""
    called: str = row.get("called") or bytes(row["_id"]).hex()
    return called
