"""An app names the addresses that its events are sent to, looks at what was told there, and has it told again."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.moments import Moment
from services.ingest.problems import field_invalid, missing, refused
from shared.flow.model import Travelling
from shared.flow.webhook import EventKind, url_problem
from shared.store.outbox import Call as Told
from shared.store.webhooks import Webhook

MOST: Final = 20
SHOWN: Final = 100
RATE: Final = 0.1
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Kinds = Annotated[tuple[EventKind, ...], Field(min_length=1, max_length=len(EventKind))]
Rate = Annotated[float, Field(gt=0, lt=1)]


class NewWebhook(Travelling):
    """An address to call."""

    url: Url = Field(description="https, and a public address; it is looked up at each call, redirects are failures")
    events: Kinds = Field(description="what it is told", strict=False)
    failure_rate: Rate = Field(
        default=RATE,
        description="`send.failing`: when more than this share of a send was rejected, unregistered, failed",
    )


class WebhookChange(Travelling):
    """What changes of a webhook; what is left out stays."""

    url: Url | None = None
    events: Kinds | None = Field(default=None, strict=False)
    failure_rate: Rate | None = None
    enabled: bool | None = Field(default=None, description="true calls it again, false stops that")


class WebhookView(Travelling):
    """One webhook, without its secret."""

    id: str
    url: str
    events: tuple[EventKind, ...]
    failure_rate: float
    created_at: datetime
    rotated_at: datetime
    enabled: bool
    disabled_at: datetime | None = None
    disabled_why: str = ""


class WebhookMade(WebhookView):
    """A new webhook with its secret, which is not shown again."""

    secret: str = Field(description="verifies signatures by the Standard Webhooks specification")


class WebhookList(Travelling):
    """Every webhook of the app, oldest first."""

    webhooks: tuple[WebhookView, ...]


class WebhookSecret(Travelling):
    """A new secret, which is not shown again; for 24 hours the one before it signs too."""

    secret: str


class DeliveriesWanted(Travelling):
    """Which deliveries."""

    state: Literal["owed", "done", "dead"] | None = None


class DeliveryView(Travelling):
    """One event on its way to a webhook."""

    event: str = Field(description="the header `webhook-id`: the same at each try")
    type: EventKind
    send: str | None
    sequence: int
    at: datetime
    state: Literal["owed", "done", "dead"]
    tries: int
    due: datetime | None = None
    status: int | None = Field(default=None, description="what the last try was answered")
    error: str = ""


class DeliveryList(Travelling):
    """The last events for a webhook, newest first."""

    deliveries: tuple[DeliveryView, ...]


class Replay(Travelling):
    """What is to be told again: all that was given up in a time, or events by name."""

    from_: Moment = Field(alias="from")
    to: Moment
    events: tuple[str, ...] | None = Field(default=None, max_length=1000, description="also those that were told")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to < self.from_:
            raise PydanticCustomError("order", "`to` is before `from`")
        return self


class Replayed(Travelling):
    """How much is told again."""

    replayed: int


async def create(desk: Desk, call: Call) -> Reply:
    """A new webhook."""
    new: NewWebhook = call.body
    _check(desk, new.url)
    if len(await desk.store.webhooks.of_app(call.app)) >= MOST:
        raise refused(HTTPStatus.CONFLICT, f"an app has at most {MOST} webhooks")
    hook, secret = await desk.store.webhooks.create(call.app, new.url, new.events, new.failure_rate, desk.now())
    return Reply(HTTPStatus.CREATED, WebhookMade(**_view(hook).model_dump(), secret=secret), f"/v1/webhooks/{hook.id}")


async def show_all(desk: Desk, call: Call) -> Reply:
    """Every webhook."""
    found = await desk.store.webhooks.of_app(call.app)
    return Reply(HTTPStatus.OK, WebhookList(webhooks=tuple(map(_view, found))))


async def show(desk: Desk, call: Call) -> Reply:
    """One webhook."""
    return Reply(HTTPStatus.OK, _view(await desk.store.webhooks.get(call.app, call.path["webhook"])))


async def change(desk: Desk, call: Call) -> Reply:
    """Changes a webhook."""
    wanted: WebhookChange = call.body
    fields: dict[str, Any] = {
        name: getattr(wanted, name) for name in ("url", "events", "failure_rate") if getattr(wanted, name) is not None
    }
    if wanted.url is not None:
        _check(desk, wanted.url)
    if wanted.enabled is not None:
        fields["disabled"] = None if wanted.enabled else {"at": desk.now(), "why": "asked for"}
    return Reply(HTTPStatus.OK, _view(await desk.store.webhooks.change(call.app, call.path["webhook"], fields)))


async def rotate(desk: Desk, call: Call) -> Reply:
    """A new secret."""
    secret = await desk.store.webhooks.rotate(call.app, call.path["webhook"], desk.now())
    return Reply(HTTPStatus.CREATED, WebhookSecret(secret=secret))


async def remove(desk: Desk, call: Call) -> Reply:
    """Removes a webhook and what is owed to it."""
    if not await desk.store.webhooks.delete(call.app, call.path["webhook"]):
        raise missing("the app has no such webhook")
    await desk.store.outbox.forget([call.path["webhook"]])
    return Reply(HTTPStatus.NO_CONTENT)


async def deliveries(desk: Desk, call: Call) -> Reply:
    """What was told, and what is owed."""
    wanted: DeliveriesWanted = call.query
    hook = await desk.store.webhooks.get(call.app, call.path["webhook"])
    found = await desk.store.outbox.of_webhook(call.app, hook.id, wanted.state, SHOWN)
    return Reply(HTTPStatus.OK, DeliveryList(deliveries=tuple(map(_delivery, found))))


async def replay(desk: Desk, call: Call) -> Reply:
    """Tells again."""
    wanted: Replay = call.body
    hook = await desk.store.webhooks.get(call.app, call.path["webhook"])
    span = (wanted.from_, wanted.to)
    replayed = await desk.store.outbox.replay(call.app, hook.id, span, wanted.events, desk.now())
    return Reply(HTTPStatus.OK, Replayed(replayed=replayed))


def _check(desk: Desk, url: str) -> None:
    problem = url_problem(url, desk.networks)
    if problem is not None:
        raise field_invalid("/url", problem)


def _view(hook: Webhook) -> WebhookView:
    return WebhookView(
        id=hook.id, url=hook.url, events=hook.events, failure_rate=hook.failure_rate, created_at=hook.created_at,
        rotated_at=hook.rotated_at, enabled=hook.disabled_at is None, disabled_at=hook.disabled_at,
        disabled_why=hook.disabled_why,
    )  # fmt: skip


def _delivery(told: Told) -> DeliveryView:
    return DeliveryView(
        event=told.event, type=told.kind, send=told.send, sequence=told.sequence, at=told.at, state=told.state,
        tries=told.tries, due=told.due, status=told.status, error=told.error,
    )  # fmt: skip
