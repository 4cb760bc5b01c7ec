"""The checks of a broadcast (Apple, "Sending broadcast push notification requests to APNs")."""

from __future__ import annotations

import json
from typing import Any

from services.simulator.apns import checks
from services.simulator.apns.call import Call
from services.simulator.apns.certificate import Certificate
from services.simulator.apns.channels import Channel, Channels, is_channel_id
from services.simulator.apns.reasons import Refusal
from services.simulator.apns.topics import PUSH_TYPES, WIDE_PAYLOAD_LIMIT, well_formed

BROADCAST_PATH = "/4/broadcasts/apps/"
REQUEST_ID = "apns-request-id"
EVENTS = ("update", "end")


def bundle_in_path(call: Call) -> Refusal | None:
    bundle = call.request.path.removeprefix(BROADCAST_PATH)
    call.bundle = bundle
    return None if well_formed(bundle) else Refusal("BadPath")


def enabled(call: Call) -> Refusal | None:
    return None if call.knobs.broadcasts else Refusal("FeatureNotEnabled")


def app_allowed(call: Call) -> Refusal | None:
    """Broadcasts are for token authentication, and an `apns-topic` has no place in them."""
    if "apns-topic" in call.headers:
        return Refusal("TopicDisallowed")
    credential = call.credential
    if credential is None or isinstance(credential, Certificate) or not credential.allows(call.bundle):
        return Refusal("TopicMismatch")
    return None


def request_id(call: Call) -> Refusal | None:
    named = call.headers.get(REQUEST_ID)
    return None if named is None or checks.is_uuid(named) else Refusal("BadMessageId")


def push_type(call: Call) -> Refusal | None:
    named = call.headers.get("apns-push-type")
    if named is None:
        return Refusal("MissingPushType")
    call.push_type = PUSH_TYPES["liveactivity"]
    return None if is_live_activity(named) else Refusal("InvalidPushType")


def payload(call: Call) -> Refusal | None:
    body = call.request.body
    if not body:
        return Refusal("PayloadEmpty")
    if len(body) > WIDE_PAYLOAD_LIMIT:
        return Refusal("PayloadTooLarge")
    return None if _event(body) in EVENTS else Refusal("BadRequestPayload")


BROADCAST_CHECKS: tuple[checks.Check, ...] = (
    checks.method,
    bundle_in_path,
    checks.duplicates,
    checks.credential,
    enabled,
    app_allowed,
    request_id,
    push_type,
    checks.priority,
    checks.expiration,
    payload,
)


def is_live_activity(named: str) -> bool:
    """Apple prints the type in two spellings."""
    return named.lower() == "liveactivity"


def channel_of(channels: Channels, call: Call) -> Channel | Refusal:
    """The channel that a request names; a channel that stores nothing takes no expiration but 0."""
    named = call.headers.get("apns-channel-id")
    if not named:
        return Refusal("MissingChannelId")
    if not is_channel_id(named):
        return Refusal("BadChannelId")
    channel = channels.find(call.bundle, named)
    if channel is None:
        return Refusal("ChannelNotRegistered")
    return Refusal("BadExpirationDate") if channel.policy == 0 and call.expiration else channel


def _event(body: bytes) -> object:
    try:
        parsed: Any = json.loads(body)
        return parsed["aps"]["event"]
    except (ValueError, KeyError, TypeError):
        return None
