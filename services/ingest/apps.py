"""The operator makes apps, lists them and rotates their secrets."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from pydantic import Field, StringConstraints

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import missing
from shared.flow.model import Travelling
from shared.store.apps import PREFIX, App

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class NewApp(Travelling):
    """An app to make."""

    name: Name


class AppView(Travelling):
    """One app."""

    id: str
    name: str
    created_at: datetime


class AppMade(AppView):
    """A new app with its secrets, which are not shown again."""

    app_secret: str = Field(description="for backends: sends and devices")
    client_secret: str = Field(description="for the app itself: its own device only")


class AppList(Travelling):
    """Every app, oldest first."""

    apps: tuple[AppView, ...]


class SecretMade(Travelling):
    """A new secret, which is not shown again; the one before it stays valid until the next rotation."""

    secret: str


async def create(desk: Desk, call: Call) -> Reply:
    """A new app."""
    app, secrets = await desk.store.apps.create(call.body.name, desk.now(), call.bits)
    made = AppMade(**_view(app).model_dump(), app_secret=secrets["app"], client_secret=secrets["client"])
    return Reply(HTTPStatus.CREATED, made, f"/v1/apps/{app.id}")


async def show_all(desk: Desk, _: Call) -> Reply:
    """Every app."""
    return Reply(HTTPStatus.OK, AppList(apps=tuple(_view(app) for app in await desk.store.apps.all())))


async def show(desk: Desk, call: Call) -> Reply:
    """One app."""
    return Reply(HTTPStatus.OK, _view(await desk.store.apps.get(call.app)))


async def rotate(desk: Desk, call: Call) -> Reply:
    """A new secret of one kind."""
    kind = call.path["kind"]
    if kind not in PREFIX:
        raise missing("there are secrets of the kinds app and client")
    secret = await desk.store.apps.rotate(call.app, kind, call.bits)
    desk.keys.forget(call.app)
    return Reply(HTTPStatus.CREATED, SecretMade(secret=secret))


async def show_policy(desk: Desk, call: Call) -> Reply:
    """What an app wants for all its sends."""
    return Reply(HTTPStatus.OK, await desk.store.apps.policy(_named(call)))


async def set_policy(desk: Desk, call: Call) -> Reply:
    """What an app wants for all its sends from now on; workers take it up within seconds."""
    await desk.store.apps.set_policy(_named(call), call.body)
    return Reply(HTTPStatus.OK, call.body)


def _named(call: Call) -> str:
    """The app of the path: the operator may name any, a backend its own."""
    app = call.path["app"]
    if call.key.app not in ("", app):
        raise missing(f"there is no app {app!r}")
    return app


def _view(app: App) -> AppView:
    return AppView(id=app.id, name=app.name, created_at=app.created_at)
