"""Every endpoint, as data: who may call it, what it takes and what it answers. The OpenAPI document is made from it."""

from http import HTTPStatus
from typing import Final

from services.ingest import apps, batch, devices, hygiene, sends, templates, variants
from services.ingest.call import LARGE_BODY, Endpoint
from services.ingest.outcome_routes import OUTCOME_ENDPOINTS
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
        {HTTPStatus.OK: templates.PreviewView}, request=templates.Preview,
    ),
)  # fmt: skip

ENDPOINTS: Final = (
    *APP_ENDPOINTS,
    *VARIANT_ENDPOINTS,
    *DEVICE_ENDPOINTS,
    *HYGIENE_ENDPOINTS,
    *SEND_ENDPOINTS,
    *TEMPLATE_ENDPOINTS,
    *OUTCOME_ENDPOINTS,
)
