"""The endpoints that tell what became of sends, to people and to machines, as data; see `routes`."""

from http import HTTPStatus
from typing import Final

from services.ingest import (
    interactions,
    privacy,
    receipts,
    reporting,
    sends,
    user_export,
    watching,
    webhook_bodies,
    webhooks,
)
from services.ingest.call import Endpoint
from services.ingest.compared import Comparison
from services.ingest.explaining import Explanation
from services.ingest.lines import MEDIA_TYPE as LINES
from shared.flow.day import AppReport
from shared.flow.full_report import FullReport

BACKEND: Final = ("app",)
APP: Final = ("app", "client")
EITHER: Final = ("admin", "app")

REPORT_ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/sends/{send}/report", reporting.show, BACKEND,
        "Show everything about what became of a send: outcomes, timeline, latencies; as JSON or CSV",
        {HTTPStatus.OK: FullReport}, query=reporting.Form, media=(reporting.CSV,),
    ),
    Endpoint(
        "GET", "/v1/sends/{send}/report.csv", reporting.show_csv, BACKEND, "The same, always as CSV",
        {HTTPStatus.OK: FullReport}, query=reporting.Form, media=(reporting.CSV,), only_media=True,
    ),
    Endpoint(
        "GET", "/v1/sends/{send}/events", watching.follow, BACKEND,
        "Follow a send: Server-Sent Events, at most four a second; resumed by Last-Event-ID, 204 after the last one",
        {HTTPStatus.OK: sends.SendView, HTTPStatus.NO_CONTENT: None}, media=(watching.STREAM,), only_media=True,
    ),
    Endpoint(
        "GET", "/v1/sends/{send}/receipts", receipts.show, BACKEND,
        "Show the receipts of a send, or of one device in it", {HTTPStatus.OK: receipts.ReceiptPage},
        query=receipts.Which,
    ),
    Endpoint(
        "GET", "/v1/sends/{send}/devices/{device}", receipts.show_one, BACKEND,
        "Tell the whole story of one notification: addressed or why not, attempts, outcome, what the device told",
        {HTTPStatus.OK: Explanation},
    ),
    Endpoint(
        "GET", "/v1/devices/{device}/history", receipts.history, BACKEND,
        "Show what became of late of the sends that address a device", {HTTPStatus.OK: receipts.History},
        query=receipts.Back,
    ),
    Endpoint(
        "POST", "/v1/interactions", interactions.tell, APP,
        "Tell what became of notifications on devices; telling it again changes nothing",
        {HTTPStatus.OK: interactions.Noted}, request=interactions.NewInteractions,
    ),
    Endpoint(
        "GET", "/v1/sends:compare", reporting.compare, BACKEND, "Show up to 20 sends side by side; as JSON or CSV",
        {HTTPStatus.OK: Comparison}, query=reporting.Several, media=(reporting.CSV,),
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/report", reporting.of_days, EITHER,
        "Show what became of an app's notifications from day to day; as JSON or CSV",
        {HTTPStatus.OK: AppReport}, query=reporting.DaysInForm, media=(reporting.CSV,),
    ),
)  # fmt: skip

WEBHOOK_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/webhooks", webhooks.create, BACKEND, "Name an address for events; its secret is shown this once",
        {HTTPStatus.CREATED: webhook_bodies.WebhookMade}, request=webhook_bodies.NewWebhook, conflicts=True,
    ),
    Endpoint(
        "GET", "/v1/webhooks", webhooks.show_all, BACKEND, "List the webhooks",
        {HTTPStatus.OK: webhook_bodies.WebhookList},
    ),
    Endpoint(
        "GET", "/v1/webhooks/{webhook}", webhooks.show, BACKEND, "Show a webhook without its secret",
        {HTTPStatus.OK: webhook_bodies.WebhookView},
    ),
    Endpoint(
        "PUT", "/v1/webhooks/{webhook}", webhooks.change, BACKEND, "Change a webhook, stop it or call it again",
        {HTTPStatus.OK: webhook_bodies.WebhookView}, request=webhook_bodies.WebhookChange,
    ),
    Endpoint(
        "DELETE", "/v1/webhooks/{webhook}", webhooks.remove, BACKEND, "Remove a webhook and what is owed to it",
        {HTTPStatus.NO_CONTENT: None},
    ),
    Endpoint(
        "POST", "/v1/webhooks/{webhook}/secrets", webhooks.rotate, BACKEND,
        "Make a new secret; for 24 hours the one before it signs too",
        {HTTPStatus.CREATED: webhook_bodies.WebhookSecret},
    ),
    Endpoint(
        "GET", "/v1/webhooks/{webhook}/deliveries", webhooks.deliveries, BACKEND,
        "Show what a webhook was told, and what it is owed", {HTTPStatus.OK: webhook_bodies.DeliveryList},
        query=webhook_bodies.DeliveriesWanted,
    ),
    Endpoint(
        "POST", "/v1/webhooks/{webhook}:replay", webhooks.replay, BACKEND, "Tell a webhook again",
        {HTTPStatus.OK: webhook_bodies.Replayed}, request=webhook_bodies.Replay,
    ),
)  # fmt: skip

PRIVACY_ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/apps/{app}/retention", privacy.show, EITHER, "Show how long an app's sends are kept",
        {HTTPStatus.OK: privacy.Retention},
    ),
    Endpoint(
        "PUT", "/v1/apps/{app}/retention", privacy.change, EITHER, "Change how long an app's sends are kept",
        {HTTPStatus.OK: privacy.Retention}, request=privacy.Retention,
    ),
    Endpoint(
        "DELETE", "/v1/users/{user}", privacy.erase, BACKEND, "Erase a user, devices and traces in sends included",
        {HTTPStatus.ACCEPTED: privacy.ErasureView},
    ),
    Endpoint(
        "GET", "/v1/users/{user}/export", user_export.export, BACKEND,
        "Hand out all that is known of a user, a line of JSON each: devices, segments, sends with what became of them",
        {HTTPStatus.OK: user_export.UserLine}, media=(LINES,), only_media=True,
    ),
    Endpoint(
        "GET", "/v1/erasures/{erasure}", privacy.erasure, BACKEND, "Show how far an erasure is",
        {HTTPStatus.OK: privacy.ErasureView},
    ),
)  # fmt: skip

OUTCOME_ENDPOINTS: Final = (*REPORT_ENDPOINTS, *WEBHOOK_ENDPOINTS, *PRIVACY_ENDPOINTS)
