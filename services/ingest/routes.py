"""Every endpoint, as data: who may call it, what it takes and what it answers. The OpenAPI document is made from it.

Long, because it is one table: data to look things up in, nothing is decided here.
"""

from http import HTTPStatus
from typing import Final

from services.ingest import (
    apps,
    audiences,
    batch,
    devices,
    exporting,
    hygiene,
    hygiene_report,
    importing,
    orders,
    rules,
    segments,
    sends,
    subscriptions,
    templates,
    variants,
)
from services.ingest.call import LARGE_BODY, Endpoint
from services.ingest.doors.aerogear.routes import ENDPOINTS as AEROGEAR
from services.ingest.doors.gorush import push as gorush
from services.ingest.doors.gorush.request import Push, Pushed
from services.ingest.outcome_routes import OUTCOME_ENDPOINTS
from services.ingest.reporting import Days
from shared.flow.estimate import Estimate, EstimateView
from shared.flow.policy import Policy
from shared.flow.preview import Preview, PreviewView
from shared.flow.rules import Rules
from shared.flow.segment import Segment, SegmentContent
from shared.flow.send import SendRequest

OPERATOR: Final = ("admin",)
BACKEND: Final = ("app",)
APP: Final = ("app", "client")
EITHER: Final = ("admin", "app")

APP_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/apps", apps.create, OPERATOR, "Make an app; its secrets are shown this once",
        {HTTPStatus.CREATED: apps.AppMade}, request=apps.NewApp, drawn=True,
    ),
    Endpoint("GET", "/v1/apps", apps.show_all, OPERATOR, "List the apps", {HTTPStatus.OK: apps.AppList}),
    Endpoint("GET", "/v1/apps/{app}", apps.show, OPERATOR, "Show an app", {HTTPStatus.OK: apps.AppView}),
    Endpoint(
        "POST", "/v1/apps/{app}/secrets/{kind}", apps.rotate, OPERATOR,
        "Make a new secret of the kind app or client; the one before it stays valid until the next",
        {HTTPStatus.CREATED: apps.SecretMade}, drawn=True,
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/policy", apps.show_policy, EITHER, "Show what an app wants for all its sends",
        {HTTPStatus.OK: Policy},
    ),
    Endpoint(
        "PUT", "/v1/apps/{app}/policy", apps.set_policy, EITHER,
        "Replace what an app wants for all its sends: quiet hours; what is left out is off", {HTTPStatus.OK: Policy},
        request=Policy,
    ),
)  # fmt: skip

VARIANT_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/apps/{app}/variants", variants.create, OPERATOR, "Make a variant",
        {HTTPStatus.CREATED: variants.VariantView}, request=variants.NewVariant, drawn=True,
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/variants", variants.show_all, OPERATOR, "List the variants of an app",
        {HTTPStatus.OK: variants.VariantList},
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/variants/{variant}", variants.show, OPERATOR, "Show a variant without its secrets",
        {HTTPStatus.OK: variants.VariantView},
    ),
    Endpoint(
        "PUT", "/v1/apps/{app}/variants/{variant}", variants.replace, OPERATOR,
        "Replace a variant's settings, or change its rate limit",
        {HTTPStatus.OK: variants.VariantView}, request=variants.VariantChange, conflicts=True,
    ),
    Endpoint(
        "POST", "/v1/apps/{app}/variants/{variant}:resume", variants.resume, EITHER,
        "Send again for a variant that was parked over its credentials", {HTTPStatus.OK: variants.VariantView},
    ),
    Endpoint(
        "DELETE", "/v1/apps/{app}/variants/{variant}", variants.delete, OPERATOR, "Remove a variant and its devices",
        {HTTPStatus.NO_CONTENT: None},
    ),
)  # fmt: skip

DEVICE_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/devices", devices.register, APP, "Register a device, or register it again",
        {HTTPStatus.CREATED: devices.DeviceRegistered, HTTPStatus.OK: devices.DeviceRegistered},
        request=devices.NewDevice, drawn=True,
    ),
    Endpoint(
        "POST", "/v1/devices:import", importing.receive, BACKEND,
        "Register many devices, a line of JSON each; every line is decided by itself",
        {HTTPStatus.OK: importing.Imported}, lines=importing.ImportedDevice,
    ),
    Endpoint(
        "GET", "/v1/devices:export", exporting.export, BACKEND, "Hand out every device in service, a line of JSON each",
        {}, query=exporting.Which, gives_lines=importing.ImportedDevice,
    ),
    Endpoint(
        "PUT", "/v1/devices/{device}", devices.change, APP, "Change a device; what is left out stays as it was",
        {HTTPStatus.OK: devices.DeviceChanged}, request=devices.DeviceChange,
    ),
    Endpoint(
        "DELETE", "/v1/devices/{device}", devices.remove, APP, "Remove a device", {HTTPStatus.NO_CONTENT: None}
    ),
    Endpoint(
        "GET", "/v1/devices/{device}", devices.show, BACKEND, "Show a device", {HTTPStatus.OK: devices.DeviceView}
    ),
)  # fmt: skip

SUBSCRIPTION_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/devices/{device}:subscribe", subscriptions.subscribe, APP,
        "Add tags to a device, and say which categories it wants",
        {HTTPStatus.OK: devices.DeviceChanged}, request=subscriptions.Subscription,
    ),
    Endpoint(
        "POST", "/v1/devices/{device}:unsubscribe", subscriptions.unsubscribe, APP,
        "Take tags from a device, and say which categories it does not want",
        {HTTPStatus.OK: devices.DeviceChanged}, request=subscriptions.Subscription,
    ),
)  # fmt: skip

AUDIENCE_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/audiences:estimate", audiences.estimate, BACKEND,
        "Say about how many devices an audience has, by platform and variant, and what looking them up would examine",
        {HTTPStatus.OK: EstimateView}, request=Estimate, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "POST", "/v1/segments", segments.create, BACKEND, "Save a filter under a name",
        {HTTPStatus.CREATED: segments.SegmentView}, request=Segment, conflicts=True,
    ),
    Endpoint(
        "GET", "/v1/segments", segments.show_all, BACKEND, "List the segments, by name",
        {HTTPStatus.OK: segments.SegmentList},
    ),
    Endpoint(
        "GET", "/v1/segments/{segment}", segments.show, BACKEND, "Show a segment",
        {HTTPStatus.OK: segments.SegmentView},
    ),
    Endpoint(
        "PUT", "/v1/segments/{segment}", segments.replace, BACKEND,
        "Change what a segment stands for; sends that were accepted before keep what it was",
        {HTTPStatus.OK: segments.SegmentView}, request=SegmentContent,
    ),
    Endpoint(
        "DELETE", "/v1/segments/{segment}", segments.delete, BACKEND, "Remove a segment",
        {HTTPStatus.NO_CONTENT: None},
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/rules", rules.show, EITHER, "Show the rules for all sends of an app",
        {HTTPStatus.OK: Rules},
    ),
    Endpoint(
        "PUT", "/v1/apps/{app}/rules", rules.replace, OPERATOR, "Lay down the rules for all sends of an app",
        {HTTPStatus.OK: Rules}, request=Rules,
    ),
)  # fmt: skip

HYGIENE_ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/apps/{app}/hygiene", hygiene.show, EITHER,
        "Show which devices were removed or are in quarantine, and what the anomaly gate decided",
        {HTTPStatus.OK: hygiene.HygieneView},
    ),
    Endpoint(
        "POST", "/v1/apps/{app}/hygiene:restore", hygiene.restore, EITHER,
        "Undo what hygiene did from a time to a time", {HTTPStatus.OK: hygiene.Restored}, request=hygiene.Restore,
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/hygiene/report", hygiene_report.report, EITHER,
        "Show from day to day how many devices were retired, quarantined, released and restored, by whom and why",
        {HTTPStatus.OK: hygiene_report.HygieneReport}, query=Days,
    ),
    Endpoint(
        "GET", "/v1/apps/{app}/hygiene/retired", hygiene_report.retired, EITHER,
        "List the devices out of service, each with the evidence against its token",
        {HTTPStatus.OK: hygiene_report.RetiredList}, query=hygiene_report.Which,
    ),
)  # fmt: skip

SEND_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/sends", sends.post, BACKEND,
        "Say what to tell whom; 202 means: stored at a majority of the store, it will be worked",
        {HTTPStatus.ACCEPTED: sends.SendAccepted, HTTPStatus.OK: sends.SendValid},
        request=SendRequest, gated=True, drawn=True, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "POST", "/v1/sends:batch", batch.post, BACKEND,
        "Say up to 1,000 things at once: independent sends, each accepted or refused by itself",
        {HTTPStatus.OK: batch.BatchDone}, request=batch.Batch, gated=True, drawn=True, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "GET", "/v1/sends", sends.show_all, BACKEND, "List the sends, newest first",
        {HTTPStatus.OK: sends.SendList}, query=sends.Page,
    ),
    Endpoint(
        "GET", "/v1/sends/{send}", sends.show, BACKEND, "Show a send and what became of it",
        {HTTPStatus.OK: sends.SendView},
    ),
)  # fmt: skip

DOOR_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/api/push", gorush.push, BACKEND, "As gorush has it: notifications by token; all are stored, or none",
        {HTTPStatus.OK: Pushed}, request=Push, gated=True, drawn=True, basic=True, body_limit=LARGE_BODY,
    ),
    *AEROGEAR,
)  # fmt: skip

TEMPLATE_ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/templates", templates.create, BACKEND,
        "Store a message under a name; a name that there is gets its next version",
        {HTTPStatus.CREATED: templates.TemplateView}, request=templates.NewTemplate, drawn=True,
    ),
    Endpoint(
        "GET", "/v1/templates", templates.show_all, BACKEND, "List the latest version of each template",
        {HTTPStatus.OK: templates.TemplateList}, query=templates.TemplatePage,
    ),
    Endpoint(
        "GET", "/v1/templates/{template}", templates.show, BACKEND, "Show a template, the latest version unless asked",
        {HTTPStatus.OK: templates.TemplateView}, query=templates.Version,
    ),
    Endpoint(
        "DELETE", "/v1/templates/{template}", templates.delete, BACKEND,
        "Remove a template, all its versions; sends that were accepted keep what they say",
        {HTTPStatus.NO_CONTENT: None},
    ),
    Endpoint(
        "POST", "/v1/templates:preview", templates.preview, BACKEND,
        "Show what a device would get of a template or a message; nothing is sent",
        {HTTPStatus.OK: PreviewView}, request=Preview,
    ),
)  # fmt: skip

ORDER_ENDPOINTS: Final = (
    Endpoint(
        "PUT", "/v1/sends/{send}", orders.replace, BACKEND,
        "Replace a scheduled send that has not begun by another one", {HTTPStatus.OK: sends.SendView},
        request=SendRequest, conflicts=True, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "POST", "/v1/sends/{send}:cancel", orders.cancel, BACKEND,
        "Call a send off, also half-way: what was not sent is counted as cancelled", {HTTPStatus.OK: sends.SendView},
        conflicts=True,
    ),
    Endpoint(
        "POST", "/v1/sends/{send}:pause", orders.pause, BACKEND,
        "Begin nothing more of a send until it is resumed; its deadline stays", {HTTPStatus.OK: sends.SendView},
        conflicts=True,
    ),
    Endpoint(
        "POST", "/v1/sends/{send}:resume", orders.resume, BACKEND, "Go on with a paused send",
        {HTTPStatus.OK: sends.SendView}, conflicts=True,
    ),
)  # fmt: skip

ENDPOINTS: Final = (
    *APP_ENDPOINTS,
    *VARIANT_ENDPOINTS,
    *DEVICE_ENDPOINTS,
    *SUBSCRIPTION_ENDPOINTS,
    *AUDIENCE_ENDPOINTS,
    *HYGIENE_ENDPOINTS,
    *SEND_ENDPOINTS,
    *TEMPLATE_ENDPOINTS,
    *DOOR_ENDPOINTS,
    *ORDER_ENDPOINTS,
    *OUTCOME_ENDPOINTS,
)
