"""An app names the addresses that its events are sent to, looks at what was told there, and has it told again."""

from http import HTTPStatus
from typing import Any, Final

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.problems import field_invalid, missing, refused
from services.ingest.webhook_bodies import (
    DeliveriesWanted,
    DeliveryList,
    DeliveryView,
    NewWebhook,
    Replay,
    Replayed,
    WebhookChange,
    WebhookList,
    WebhookMade,
    WebhookSecret,
    WebhookView,
)
from shared.flow.webhook import url_problem
from shared.store.outbox import Call as Told
from shared.store.webhooks import Webhook

MOST: Final = 20
SHOWN: Final = 100


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
