"""`/settings/gcmConfPublic`: the Android SDK registers nothing before it was told whose messages it will get."""

from http import HTTPStatus

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.ibm.refusing import NOT_CONFIGURED, Coded
from services.ingest.doors.ibm.variants import targets_of
from services.ingest.doors.ibm.wording import Said


class Sender(Said):
    """Firebase's project. The SDK only asks that there is one; it takes its token from the app's own configuration."""

    sender_id: str


async def show(desk: Desk, call: Call) -> Reply:
    """The project of the app's FCM variant, the first if there are several."""
    for one in await targets_of(desk, call):
        if one.platform == "fcm" and one.settings is not None:
            return Reply(HTTPStatus.OK, Sender(sender_id=one.settings.project_id))
    raise Coded(HTTPStatus.NOT_FOUND, NOT_CONFIGURED, "the app has no FCM variant")
