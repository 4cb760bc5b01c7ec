"""The delivery data API: what became of an Android app's messages, by day and label, days later (F22)."""

import base64
import binascii
from urllib.parse import parse_qs, unquote, urlsplit

from services.simulator.exchange import Request
from services.simulator.fcm.delivery_book import settled_day
from services.simulator.fcm.outcome import Outcome, refused, succeeded
from services.simulator.fcm.permission import bearer_of, project_refused, scope_refused, sending_refused
from services.simulator.fcm.refusal import Refusal, bad_request, refusal
from services.simulator.fcm.world import World

PAGE_DEFAULT = 1000
PAGE_LIMIT = 10_000


def delivery_data(request: Request, world: World, project_name: str, app: str) -> Outcome:
    denied = _denied(request, world, project_name)
    if denied is not None:
        return refused(denied, project=project_name)
    project, book, app = world.directory.project(project_name), world.devices.book, unquote(app)
    if project is None or book.app_project.get(app) != project.id:
        return refused(refusal("NOT_FOUND"), project=project_name)
    query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
    wanted = _page(query)
    if wanted is None:
        return refused(bad_request([("page_size", "Invalid page size or page token.")]), project=project_name)
    start, size = wanted
    rows, following = book.page(app, settled_day(world.now(), world.knobs.delivery_data_lag_days), start, size)
    body: dict[str, object] = {"androidDeliveryData": rows} if rows else {}
    if following is not None:
        body["nextPageToken"] = base64.urlsafe_b64encode(str(following).encode()).decode()
    return succeeded(body, "delivery_data", project=project_name)


def _page(query: dict[str, str]) -> tuple[int, int] | None:
    """Where it starts and how many rows it has."""
    try:
        size = int(query.get("pageSize") or PAGE_DEFAULT) or PAGE_DEFAULT
        start = int(base64.urlsafe_b64decode(query["pageToken"])) if query.get("pageToken") else 0
    except (ValueError, binascii.Error):
        return None
    return (start, min(size, PAGE_LIMIT)) if size > 0 and start >= 0 else None


def _denied(request: Request, world: World, project_name: str) -> Refusal | None:
    bearer = bearer_of(request, world)
    if isinstance(bearer, Refusal):
        return bearer
    lacking = scope_refused(bearer)  # cloud-platform: the narrow messaging scope is not enough here
    return lacking or sending_refused(bearer, project_name, world) or project_refused(project_name, world)
