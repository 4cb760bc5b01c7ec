"""A backend stores messages under a name, in versions that never change, and looks at one as a device would get it."""

import json
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import Refused, field_invalid, invalid, missing
from shared.flow.audience import DeviceId
from shared.flow.device import Device
from shared.flow.message import Message
from shared.flow.model import Travelling
from shared.flow.send import TEMPLATE_NAME, Problem, TemplateName, TemplateRef
from shared.flow.values import Values
from shared.providers.contract import Context, Refusal
from shared.providers.localized import prepared
from shared.providers.registry import check_message, provider
from shared.roster import Roster
from shared.store.templates import Template

PREVIEW: Final = "preview.preview"
"""Stands for the key of a send."""
LASTS: Final = timedelta(hours=24)


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


class Preview(Travelling):
    """What to look at: a stored template or a message, as one registered device would get it."""

    template: TemplateRef | None = None
    message: Message | None = None
    device: DeviceId
    values: Values | None = Field(default=None, description="as a send would give them for the device's user")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.template is None) == (self.message is None):
            raise PydanticCustomError("either", "name a `template` or give a `message`")
        return self


class PreviewView(Travelling):
    """What the provider would be sent, without the token."""

    platform: str
    variant: str
    headers: dict[str, str]
    payload: dict[str, JsonValue]


async def create(desk: Desk, call: Call) -> Reply:
    """A new version of a template."""
    new: NewTemplate = call.body
    await _check(desk, call.app, new.message)
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
    message = wanted.message
    if wanted.template is not None:
        stored = await desk.store.templates.get(call.app, wanted.template.name, wanted.template.version)
        if stored is None:
            raise field_invalid("/template", "the app has no such template, or no such version of it")
        message = stored.message
    assert message is not None  # noqa: S101  # the model asks for one of them
    await _check(desk, call.app, message)
    found = await desk.store.devices.get(call.app, bytes.fromhex(wanted.device))
    if found is None:
        raise field_invalid("/device", "the app has no such device")
    return Reply(HTTPStatus.OK, await _rendered(desk, call.app, message, found, wanted.values))


async def _rendered(
    desk: Desk, app: str, message: Message, found: dict[str, Any], values: dict[str, Any] | None
) -> PreviewView:
    roster = await desk.rosters.of(app)
    target = next((one for one in roster.targets if one.variant == found["variant"]), None)
    if target is None or target.settings is None:
        raise field_invalid("/device", "its variant cannot be sent for")
    now = desk.now()
    context = Context(PREVIEW, PREVIEW, now + LASTS, now, variant=target.variant)
    ready = prepared(provider(target.platform), message, target.settings, context)
    device = Device(found["_id"], found["token"], found.get("user"), {**found, "values": values or {}})
    made = ready.requests([device]).only()
    if isinstance(made, Refusal):
        raise field_invalid("/device", f"cannot get this: {made.reason}: {made.detail}")
    payload = json.loads(made.body)
    payload.get("message", {}).pop("token", None)
    return PreviewView(platform=target.platform, variant=target.variant, headers=dict(ready.headers), payload=payload)


async def _check(desk: Desk, app: str, message: Message) -> None:
    """Against every variant of the app. Raises `Refused` with all that is wrong."""
    roster = await desk.rosters.of(app, fresh=True)
    platforms = {one.platform for one in roster.targets}
    problems = check_message(message, {name: _settings(roster, name) for name in platforms})
    if problems:
        raise invalid([Problem(pointer=f"/message{one.pointer}", detail=one.detail) for one in problems])


def _settings(roster: Roster, platform: str) -> list[Any]:
    return [one.settings for one in roster.targets if one.platform == platform and one.settings is not None]


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
