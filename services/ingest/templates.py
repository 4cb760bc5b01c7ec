"""A backend stores messages under a name, in versions that never change, and looks at one as a device would get it."""

from datetime import datetime
from http import HTTPStatus

from pydantic import Field, JsonValue

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import Refused, invalid, missing
from shared.flow.message import Message
from shared.flow.model import Travelling
from shared.flow.preview import Preview
from shared.flow.send import TEMPLATE_NAME, TemplateName
from shared.previewing import Previewing
from shared.refusal import Unacceptable
from shared.store.templates import Template


class NewTemplate(Travelling):
    """A message to store. A name that there is gets a further version."""

    name: TemplateName
    message: Message


class TemplateLine(Travelling):
    """One version of a template."""

    name: str
    version: int
    created_at: datetime


class TemplateView(TemplateLine):
    """One version, with its message."""

    message: dict[str, JsonValue]


class TemplateList(Travelling):
    """The latest version of each template, by name."""

    templates: tuple[TemplateLine, ...]
    next: str | None = Field(description="`after` of the next page, or null at the end")


class Version(Travelling):
    """Which version."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="the latest unless set")


class TemplatePage(Travelling):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    after: str = Field(default="", max_length=64, description="`next` of the page before")


async def create(desk: Desk, call: Call) -> Reply:
    """A new version of a template."""
    new: NewTemplate = call.body
    try:
        await _previewing(desk).check(call.app, new.message)
    except Unacceptable as error:
        raise invalid(error.problems) from error
    made = await desk.store.templates.add(call.app, new.name, new.message, desk.now(), f"{call.bits(128):032x}")
    return Reply(HTTPStatus.CREATED, _view(made), f"/v1/templates/{made.name}?version={made.version}")


async def show_all(desk: Desk, call: Call) -> Reply:
    """A page of templates."""
    page: TemplatePage = call.query
    found = await desk.store.templates.all(call.app, page.after, page.limit + 1)
    shown = found[: page.limit]
    lines = tuple(TemplateLine(name=one.name, version=one.version, created_at=one.created_at) for one in shown)
    return Reply(HTTPStatus.OK, TemplateList(templates=lines, next=shown[-1].name if len(found) > page.limit else None))


async def show(desk: Desk, call: Call) -> Reply:
    """One version."""
    wanted: Version = call.query
    return Reply(HTTPStatus.OK, _view(await _known(desk, call.app, _name(call), wanted.version)))


async def delete(desk: Desk, call: Call) -> Reply:
    """Every version of a template."""
    if not await desk.store.templates.delete(call.app, _name(call)):
        raise _none_such()
    return Reply(HTTPStatus.NO_CONTENT)


async def preview(desk: Desk, call: Call) -> Reply:
    """A message as a device would get it; nothing is sent."""
    wanted: Preview = call.body
    try:
        return Reply(HTTPStatus.OK, await _previewing(desk).of(call.app, wanted))
    except Unacceptable as error:
        raise invalid(error.problems) from error


def _previewing(desk: Desk) -> Previewing:
    return Previewing(desk.store, desk.rosters, desk.clock)


async def _known(desk: Desk, app: str, name: str, version: int | None) -> Template:
    found = await desk.store.templates.get(app, name, version)
    if found is None:
        raise _none_such()
    return found


def _view(one: Template) -> TemplateView:
    message = one.message.model_dump(mode="json", exclude_unset=True)
    return TemplateView(name=one.name, version=one.version, created_at=one.created_at, message=message)


def _name(call: Call) -> str:
    name = call.path["template"]
    if TEMPLATE_NAME.fullmatch(name) is None:
        raise _none_such()
    return name


def _none_such() -> Refused:
    return missing("the app has no such template, or no such version of it")
