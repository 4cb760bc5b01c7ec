"""The operator gives an app its variants: platform, environment and credentials, which go in and never come out."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from pydantic import Field, JsonValue, ValidationError

from services.ingest.apps import Name
from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import field_invalid, invalid, missing, refused
from shared.flow.model import Travelling
from shared.providers.registry import problems_of, provider
from shared.store.errors import Missing
from shared.store.variants import Variant

ATTEMPTS: Final = 5
"""Two changes of one variant at the same time may meet this often."""


class NewVariant(Travelling):
    """A variant to make. What `settings` holds is the platform's to say."""

    platform: str
    name: Name
    settings: dict[str, JsonValue]


class VariantChange(Travelling):
    """New settings for a variant, whole; they hold from the next slice on."""

    settings: dict[str, JsonValue]


class VariantView(Travelling):
    """One variant; secrets are left out of its settings."""

    id: str
    platform: str
    name: str
    version: int = Field(description="rises with every change of the settings")
    created_at: datetime
    settings: dict[str, JsonValue]
    secrets: tuple[str, ...] = Field(description="settings that are kept sealed and never shown")


class VariantList(Travelling):
    """Every variant of the app, oldest first."""

    variants: tuple[VariantView, ...]


async def create(desk: Desk, call: Call) -> Reply:
    """A new variant."""
    wanted: NewVariant = call.body
    await desk.store.apps.get(call.app)
    try:
        secrets = provider(wanted.platform).Settings.SECRETS
    except LookupError as error:
        raise field_invalid("/platform", str(error.args[0])) from None
    settings = _checked(wanted.platform, wanted.settings)
    variant = await desk.store.variants.create(call.app, wanted.platform, wanted.name, settings, secrets, desk.now())
    desk.rosters.forget(call.app)
    return Reply(HTTPStatus.CREATED, _view(variant), f"/v1/apps/{call.app}/variants/{variant.id}")


async def show_all(desk: Desk, call: Call) -> Reply:
    """Every variant of an app."""
    await desk.store.apps.get(call.app)
    found = await desk.store.variants.all(call.app)
    return Reply(HTTPStatus.OK, VariantList(variants=tuple(_view(one) for one in found)))


async def show(desk: Desk, call: Call) -> Reply:
    """One variant."""
    return Reply(HTTPStatus.OK, _view(await desk.store.variants.get(call.app, call.path["variant"])))


async def replace(desk: Desk, call: Call) -> Reply:
    """New settings."""
    for _ in range(ATTEMPTS):
        variant = await desk.store.variants.get(call.app, call.path["variant"])
        settings = _checked(variant.platform, call.body.settings)
        try:
            newer = await desk.store.variants.replace(variant, settings)
        except Missing:  # changed or deleted meanwhile: the next look tells which
            continue
        desk.rosters.forget(call.app)
        return Reply(HTTPStatus.OK, _view(newer))
    raise refused(HTTPStatus.CONFLICT, "the variant is being changed by others")


async def delete(desk: Desk, call: Call) -> Reply:
    """Removes a variant and its devices. The devices go first, so that an interrupted call can be repeated."""
    app, variant = call.app, call.path["variant"]
    await desk.store.devices.delete_variant(app, variant)
    if not await desk.store.variants.delete(app, variant):
        raise missing(f"the app has no variant {variant!r}")
    desk.rosters.forget(app)
    return Reply(HTTPStatus.NO_CONTENT)


def _checked(platform: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as the provider wants them kept. Raises `Refused` if it cannot work with them."""
    try:
        read = provider(platform).Settings.model_validate_json(json.dumps(settings))
    except ValidationError as error:
        raise invalid(problems_of(error, "/settings")) from None
    kept: dict[str, Any] = read.model_dump(mode="json", exclude_none=True)
    return kept


def _view(variant: Variant) -> VariantView:
    return VariantView(
        id=variant.id, platform=variant.platform, name=variant.name, version=variant.version,
        created_at=variant.created_at, settings=variant.shown(), secrets=tuple(sorted(variant.secrets)),
    )  # fmt: skip
