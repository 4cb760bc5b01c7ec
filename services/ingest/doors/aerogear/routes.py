"""The endpoints of the UnifiedPush Server, as data; see `services/ingest/routes.py`."""

from http import HTTPStatus
from typing import Final

from services.ingest.call import LARGE_BODY, Endpoint
from services.ingest.doors.aerogear import opened, registry, sender
from services.ingest.doors.aerogear.installation import ImportedFile, Installation, Registered
from services.ingest.doors.aerogear.request import EmptyAnswer, UnifiedPush, UnifiedPushes

BACKEND: Final = ("app",)
APP: Final = ("client", "app")
DEVICE: Final = "/rest/registry/device"

ENDPOINTS: Final = (
    Endpoint(
        "POST", "/rest/sender", sender.send, BACKEND, "As AeroGear has it: one message; the user is the app's id",
        {HTTPStatus.ACCEPTED: EmptyAnswer}, request=UnifiedPush, gated=True, drawn=True, basic=True,
        body_limit=LARGE_BODY,
    ),
    Endpoint(
        "POST", "/rest/sender/batch", sender.send_batch, BACKEND,
        "As AeroGear has it: several messages; all are stored, or none", {HTTPStatus.ACCEPTED: EmptyAnswer},
        request=UnifiedPushes, gated=True, drawn=True, basic=True, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "POST", DEVICE, registry.register, APP,
        "As AeroGear has it: register a device, or register it again; the user is the variant's id",
        {HTTPStatus.OK: Registered}, request=Installation, drawn=True, basic=True, invalid=HTTPStatus.BAD_REQUEST,
        asked_by=("authorization", registry.OLD_TOKEN),
    ),
    Endpoint(
        "DELETE", f"{DEVICE}/{{token}}", registry.unregister, APP, "As AeroGear has it: remove a device, by its token",
        {HTTPStatus.NO_CONTENT: None}, basic=True,
    ),
    Endpoint(
        "POST", f"{DEVICE}/importer", registry.bring, APP,
        "As AeroGear has it: register devices that are not known yet; all of the file, or none",
        {HTTPStatus.OK: EmptyAnswer}, request=ImportedFile, drawn=True, basic=True, invalid=HTTPStatus.BAD_REQUEST,
        body_limit=LARGE_BODY, form="file", asked_by=("authorization",),
    ),
    Endpoint(
        "PUT", f"{DEVICE}/pushMessage/{{message}}", opened.opened, APP,
        "As AeroGear has it: tell that a message was opened; telling it again changes nothing",
        {HTTPStatus.OK: EmptyAnswer}, basic=True,
    ),
)  # fmt: skip
