"""The operator gives an app its variants: platform, environment and credentials, which go in and never come out."""

import json
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.apps import Name
from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import field_invalid, invalid, missing, refused
from shared.flow.model import Travelling
from shared.providers.registry import problems_of, provider
from shared.store.errors import Missing
from shared.store.parking import Parked
from shared.store.variants import Variant

ATTEMPTS: Final = 5
"""Two changes of one variant at the same time may meet this often."""

NOT_OPENED: Final = (
    "its secrets are sealed under a key that the key ring does not hold: give the settings anew, or the key back"
)
RateLimit = Annotated[float, Field(gt=0, le=1_000_000)]
LIMITED: Final = "notifications a second to the provider at most, by all replicas together; null: as fast as it goes"


class NewVariant(Travelling):
    """A variant to make. What `settings` holds is the platform's to say."""

    platform: str
    name: Name
    settings: dict[str, JsonValue]
    rate_limit: RateLimit | None = Field(default=None, description=LIMITED)


class VariantChange(Travelling):
    """What is to be changed of a variant; it holds within seconds. What is left out stays as it was."""

    settings: dict[str, JsonValue] = Field(default_factory=dict, description="whole: what is not in it is gone")
    rate_limit: RateLimit | None = Field(default=None, description=LIMITED)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "name `settings`, `rate_limit` or both")
        return self


class ParkedView(Travelling):
    """Nothing is sent for the variant but a probe now and then: its credentials were refused, or it is throttled."""

    since: datetime
    reason: str = Field(description="the provider's own")


class CredentialProblem(Travelling):
    """Nothing can be sent for the variant as its credentials are; what is owed waits until its deadline."""

    reason: Literal["not_opened"]
    detail: str


class VariantView(Travelling):
    """One variant; secrets are left out of its settings."""

    id: str
    platform: str
    name: str
    version: int = Field(description="rises with every change of the settings")
    created_at: datetime
    settings: dict[str, JsonValue]
    secrets: tuple[str, ...] = Field(description="settings that are kept sealed and never shown")
    rate_limit: float | None = Field(description=LIMITED)
    parked: ParkedView | None = Field(description="null: it is sent for")
    problem: CredentialProblem | None = Field(
        default=None, description="not_opened: the key ring lacks the key that its secrets are sealed under"
    )


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
    variant = await desk.store.variants.create(
        call.app, wanted.platform, wanted.name, settings, secrets, desk.now(), wanted.rate_limit, call.bits
    )
    await _changed(desk, call.app)
    return Reply(HTTPStatus.CREATED, _view(variant), f"/v1/apps/{call.app}/variants/{variant.id}")


async def show_all(desk: Desk, call: Call) -> Reply:
    """Every variant of an app."""
    await desk.store.apps.get(call.app)
    found = await desk.store.variants.all(call.app)
    return Reply(HTTPStatus.OK, VariantList(variants=await _views(desk, found)))


async def show(desk: Desk, call: Call) -> Reply:
    """One variant."""
    return await _shown(desk, await desk.store.variants.seen(call.app, call.path["variant"]))


async def replace(desk: Desk, call: Call) -> Reply:
    """New settings, or another limit. A variant that is parked is tried again."""
    for _ in range(ATTEMPTS):
        variant = await desk.store.variants.seen(call.app, call.path["variant"])
        wanted: VariantChange = call.body
        said = wanted.model_fields_set
        if not variant.opened and "settings" not in said:  # a change seals the secrets anew, and nobody has them
            raise field_invalid("/settings", NOT_OPENED)
        settings = _checked(variant.platform, wanted.settings) if "settings" in said else variant.settings
        rate = wanted.rate_limit if "rate_limit" in said else variant.rate_limit
        try:
            newer = await desk.store.variants.replace(variant, settings, rate)
        except Missing:  # changed or deleted meanwhile: the next look tells which
            continue
        await _changed(desk, call.app)
        await desk.store.parking.resume(newer.app, newer.id, newer.version - 1)
        return await _shown(desk, newer)
    raise refused(HTTPStatus.CONFLICT, "the variant is being changed by others")


async def resume(desk: Desk, call: Call) -> Reply:
    """Sends for a parked variant again. If its credentials are still refused it is parked anew."""
    app = call.path["app"]
    if call.key.app not in ("", app):
        raise missing(f"there is no app {app!r}")
    variant = await desk.store.variants.seen(app, call.path["variant"])
    await desk.store.parking.resume(app, variant.id)
    return await _shown(desk, variant)


async def delete(desk: Desk, call: Call) -> Reply:
    """Removes a variant and its devices. The devices go first, so that an interrupted call can be repeated."""
    app, variant = call.app, call.path["variant"]
    await desk.store.devices.delete_variant(app, variant)
    if not await desk.store.variants.delete(app, variant):
        raise missing(f"the app has no variant {variant!r}")
    await desk.store.parking.resume(app, variant)
    await _changed(desk, app)
    return Reply(HTTPStatus.NO_CONTENT)


async def _changed(desk: Desk, app: str) -> None:
    """Nothing that is accepted from here on goes by the variants of before."""
    await desk.store.apps.changed(app)
    desk.rosters.forget(app)


def _checked(platform: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings as the provider wants them kept. Raises `Refused` if it cannot work with them."""
    try:
        read = provider(platform).Settings.model_validate_json(json.dumps(settings))
    except ValidationError as error:
        raise invalid(problems_of(error, "/settings")) from None
    kept: dict[str, Any] = read.model_dump(mode="json", exclude_none=True)
    return kept


async def _shown(desk: Desk, variant: Variant) -> Reply:
    return Reply(HTTPStatus.OK, (await _views(desk, [variant]))[0])


async def _views(desk: Desk, variants: Sequence[Variant]) -> tuple[VariantView, ...]:
    parked = await desk.store.parking.of([one.id for one in variants])
    return tuple(_view(one, parked.get(one.id)) for one in variants)


def _view(variant: Variant, parked: Parked | None = None) -> VariantView:
    holds = parked is not None and parked.version >= variant.version
    return VariantView(
        id=variant.id, platform=variant.platform, name=variant.name, version=variant.version,
        created_at=variant.created_at, settings=variant.shown(), secrets=tuple(sorted(variant.secrets)),
        rate_limit=variant.rate_limit,
        parked=ParkedView(since=parked.since, reason=parked.reason) if parked and holds else None,
        problem=None if variant.opened else CredentialProblem(reason="not_opened", detail=NOT_OPENED),
    )  # fmt: skip
