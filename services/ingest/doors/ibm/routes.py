"""Every endpoint of this door, as data; see `services/ingest/routes.py`."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Final

from starlette.routing import Route

from services.ingest.admission import Admission
from services.ingest.app import Door
from services.ingest.call import LARGE_BODY, Endpoint
from services.ingest.desk import Desk
from services.ingest.doors.ibm import devices, messages, senders, sent, subscriptions, tags
from services.ingest.doors.ibm.entrance import IbmEntrance
from services.ingest.doors.ibm.granting import TokenEntrance, grant
from services.ingest.doors.ibm.iam import Exchange, Granted, iam_response
from services.ingest.doors.ibm.refusing import refusal_response
from services.ingest.doors.ibm.registration import DeviceChange, DevicePage, Devices, DeviceView, NewDevice
from services.ingest.doors.ibm.request import PushMessage, PushMessages
from services.ingest.doors.ibm.subscribing import (
    Action,
    Named,
    Several,
    SeveralDone,
    Subscription,
    SubscriptionPage,
    Subscriptions,
)
from services.ingest.doors.ibm.wording import PREFIX, Page
from services.ingest.started import Started
from shared.runtime.metrics import Metrics

BACKEND: Final = ("app",)
APP: Final = ("app", "client")
ROOT: Final = f"{PREFIX}/{{app}}"
TOKEN: Final = "/identity/token"  # noqa: S105  # a path

MESSAGES: Final = (
    Endpoint(
        "POST", f"{ROOT}/messages", messages.post, BACKEND, "Send a message", {HTTPStatus.ACCEPTED: messages.Sent},
        request=PushMessage, gated=True, drawn=True, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "GET", f"{ROOT}/messages", sent.show_all, BACKEND, "List the messages, newest first",
        {HTTPStatus.OK: sent.Messages}, query=sent.MessagePage,
    ),
    Endpoint(
        "POST", f"{ROOT}/messages/bulk", messages.post_all, BACKEND, "Send many messages, all or none",
        {HTTPStatus.ACCEPTED: messages.SentAll}, request=PushMessages, gated=True, drawn=True, body_limit=LARGE_BODY,
    ),
    Endpoint(
        "GET", f"{ROOT}/messages/{{message}}", sent.show, BACKEND, "Show a message",
        {HTTPStatus.OK: sent.View},
    ),
    Endpoint(
        "DELETE", f"{ROOT}/messages/{{message}}", sent.remove, BACKEND, "Call off what was not sent of a message",
        {HTTPStatus.NO_CONTENT: None},
    ),
    Endpoint(
        "PUT", f"{ROOT}/messages/{{message}}", sent.tell, APP, "Tell that a device showed or opened a message",
        {HTTPStatus.OK: sent.Noted}, request=sent.DeviceStatus,
    ),
)  # fmt: skip

DEVICES: Final = (
    Endpoint(
        "POST", f"{ROOT}/devices", devices.register, APP, "Register a device",
        {HTTPStatus.CREATED: DeviceView}, request=NewDevice,
    ),
    Endpoint(
        "GET", f"{ROOT}/devices", devices.show_all, BACKEND, "List the devices", {HTTPStatus.OK: Devices},
        query=DevicePage,
    ),
    Endpoint(
        "GET", f"{ROOT}/devices/{{device}}", devices.show, APP, "Show a device",
        {HTTPStatus.OK: DeviceView},
    ),
    Endpoint(
        "PUT", f"{ROOT}/devices/{{device}}", devices.change, APP, "Change a device",
        {HTTPStatus.OK: DeviceView}, request=DeviceChange,
    ),
    Endpoint(
        "DELETE", f"{ROOT}/devices/{{device}}", devices.remove, APP, "Remove a device", {HTTPStatus.NO_CONTENT: None}
    ),
    Endpoint(
        "GET", f"{ROOT}/settings/gcmConfPublic", senders.show, APP, "Show Firebase's project",
        {HTTPStatus.OK: senders.Sender},
    ),
)  # fmt: skip

SUBSCRIPTIONS: Final = (
    Endpoint(
        "POST", f"{ROOT}/subscriptions", subscriptions.post, APP, "Subscribe a device to tags, or unsubscribe it",
        {HTTPStatus.CREATED: Subscription, HTTPStatus.MULTI_STATUS: SeveralDone},
        request=Several, query=Action,
    ),
    Endpoint(
        "GET", f"{ROOT}/subscriptions", subscriptions.show_all, APP, "List subscriptions",
        {HTTPStatus.OK: Subscriptions}, query=SubscriptionPage,
    ),
    Endpoint(
        "DELETE", f"{ROOT}/subscriptions", subscriptions.remove, APP, "Unsubscribe a device from a tag",
        {HTTPStatus.NO_CONTENT: None}, query=Named,
    ),
    Endpoint(
        "GET", f"{ROOT}/subscriptions/{{subscription}}", subscriptions.show, BACKEND, "Show a subscription",
        {HTTPStatus.OK: Subscription},
    ),
    Endpoint(
        "DELETE", f"{ROOT}/subscriptions/{{subscription}}", subscriptions.remove_one, APP, "The same by its id",
        {HTTPStatus.NO_CONTENT: None},
    ),
)  # fmt: skip

TAGS: Final = (
    Endpoint(
        "POST", f"{ROOT}/tags", tags.create, BACKEND, "Offer a tag", {HTTPStatus.CREATED: tags.TagView},
        request=tags.NewTag,
    ),
    Endpoint("GET", f"{ROOT}/tags", tags.show_all, APP, "List the tags", {HTTPStatus.OK: tags.TagList}, query=Page),
    Endpoint(
        "GET", f"{ROOT}/tags/{{tag}}", tags.show, APP, "Show a tag", {HTTPStatus.OK: tags.TagView}
    ),
    Endpoint(
        "PUT", f"{ROOT}/tags/{{tag}}", tags.change, BACKEND, "Describe a tag anew",
        {HTTPStatus.OK: tags.TagView}, request=tags.TagChange,
    ),
    Endpoint(
        "DELETE", f"{ROOT}/tags/{{tag}}", tags.remove, BACKEND, "Offer a tag no longer",
        {HTTPStatus.NO_CONTENT: None},
    ),
)  # fmt: skip
ENDPOINTS: Final = (*MESSAGES, *DEVICES, *SUBSCRIPTIONS, *TAGS)
EXCHANGE: Final = Endpoint(
    "POST", TOKEN, grant, (), "Exchange an API key for a token", {HTTPStatus.OK: Granted}, request=Exchange
)
REFUSING: Final = {"/imfpush/": refusal_response, TOKEN: iam_response}
"""How paths below these are refused where there is no endpoint."""


def routes(desk: Desk, admission: Admission, metrics: Metrics, started: Started) -> Sequence[Route]:
    """The door, to stand beside our own endpoints."""
    inside = IbmEntrance(desk, admission, metrics, started, desk.tracing)
    by_path = groupby(sorted(ENDPOINTS, key=lambda one: one.path), key=lambda one: one.path)
    tokens = Door(TokenEntrance(desk, admission, metrics, started), [EXCHANGE])
    # a tag may be called as its app likes, with a slash in its name
    doors = {path.replace("{tag}", "{tag:path}"): Door(inside, list(endpoints)) for path, endpoints in by_path}
    return [Route(TOKEN, tokens), *(Route(path, door) for path, door in doors.items())]
