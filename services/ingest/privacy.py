"""How long an app's sends are kept, and users who are to be erased."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from pydantic import Field

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import missing
from shared.flow.model import Travelling
from shared.store.erasures import Erasure

LONGEST_USER: Final = 256
Days = Annotated[int, Field(ge=1, le=3650)]


class Retention(Travelling):
    """Days after which a send's content, records and receipts are purged, though not before its deadline."""

    days: Days


class ErasureView(Travelling):
    """What was asked for, without the user; `done`: nothing of the user is left in the store."""

    id: str
    at: datetime
    state: Literal["owed", "done"]
    done_at: datetime | None = None
    devices: int = Field(default=0, description="how many were erased")


async def show(desk: Desk, call: Call) -> Reply:
    """An app's retention."""
    app = await _app(desk, call)
    return Reply(HTTPStatus.OK, Retention(days=(await desk.store.apps.retention(app)).days))


async def change(desk: Desk, call: Call) -> Reply:
    """Changes an app's retention."""
    wanted: Retention = call.body
    await desk.store.apps.set_retention(await _app(desk, call), wanted.days)
    return Reply(HTTPStatus.OK, wanted)


async def erase(desk: Desk, call: Call) -> Reply:
    """Asks for a user to be erased."""
    asked = await desk.store.erasures.ask(call.app, user_named(call), desk.now())
    return Reply(HTTPStatus.ACCEPTED, _view(asked), f"/v1/erasures/{asked.id}")


def user_named(call: Call) -> str:
    """The user that the path names. Raises `Refused`."""
    user = call.path["user"]
    if len(user) > LONGEST_USER:
        raise missing("no user has such a name")
    return user


async def erasure(desk: Desk, call: Call) -> Reply:
    """How far it is."""
    return Reply(HTTPStatus.OK, _view(await desk.store.erasures.get(call.app, call.path["erasure"])))


def _view(one: Erasure) -> ErasureView:
    return ErasureView(id=one.id, at=one.at, state=one.state, done_at=one.done_at, devices=one.erased)


async def _app(desk: Desk, call: Call) -> str:
    if call.key.app and call.key.app != call.path["app"]:
        raise missing(f"there is no app {call.path['app']!r}")
    return (await desk.store.apps.get(call.app)).id
