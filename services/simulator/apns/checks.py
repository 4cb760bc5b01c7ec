"""The checks a notification passes, in order, each answering with Apple's own reason.

Apple publishes no order (the protocol reference, F.1): clients must not depend on this one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from services.simulator.apns.call import Call
from services.simulator.apns.certificate import Certificate
from services.simulator.apns.reasons import Refusal
from services.simulator.apns.registry import Token, well_formed
from services.simulator.apns.topics import PAYLOAD_LIMIT, PUSH_TYPES, bundle_of, implied
from services.simulator.apns.topics import well_formed as topic_well_formed

Check = Callable[[Call], Refusal | None]

DEVICE_PATH = "/3/device"
COLLAPSE_LIMIT = 64  # bytes
PRIORITIES = ("10", "5", "1")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WHOLE = re.compile(r"[0-9]{1,19}")


def first_refusal(checks: Sequence[Check], call: Call) -> Refusal | None:
    """Run the checks until one refuses."""
    for check in checks:
        refusal = check(call)
        if refusal is not None:
            return refusal
    return None


def method(call: Call) -> Refusal | None:
    return None if call.request.method == "POST" else Refusal("MethodNotAllowed")


def path(call: Call) -> Refusal | None:
    text = call.request.path
    if text in (DEVICE_PATH, DEVICE_PATH + "/"):
        return Refusal("MissingDeviceToken")
    prefix, slash, token = text.rpartition("/")
    if prefix != DEVICE_PATH or not slash or "?" in token:
        return Refusal("BadPath")
    call.token = token.lower()
    return None


def duplicates(call: Call) -> Refusal | None:
    repeated = Counter(name for name, _ in call.request.headers)
    return Refusal("DuplicateHeaders") if max(repeated.values()) > 1 else None


def credential(call: Call) -> Refusal | None:
    authorization = call.headers.get("authorization")
    admitted = call.desk.admit(call.request.connection, authorization, call.knobs, call.now)
    if isinstance(admitted, Refusal):
        return admitted
    call.credential = admitted
    return None


def message_id(call: Call) -> Refusal | None:
    named = call.headers.get("apns-id")
    return None if named is None or is_uuid(named) else Refusal("BadMessageId")


def topic_and_type(call: Call) -> Refusal | None:
    default = call.certificate.default_topic if call.certificate else None
    call.topic = call.headers.get("apns-topic") or default or ""
    if not call.topic:
        return Refusal("MissingTopic")
    if not topic_well_formed(call.topic):
        return Refusal("BadTopic")
    named = call.headers.get("apns-push-type")
    if named is None and call.knobs.require_push_type:
        return Refusal("InvalidPushType")
    call.push_type = implied(call.topic) if named is None else PUSH_TYPES.get(named)
    bundle = None if call.push_type is None else bundle_of(call.topic, call.push_type)
    if bundle is None:
        return Refusal("InvalidPushType")
    call.bundle = bundle
    return None


def topic_allowed(call: Call) -> Refusal | None:
    kind = call.push_type
    if isinstance(call.credential, Certificate):
        allowed = call.topic in call.credential.topics and not (kind and kind.token_only)
    else:
        allowed = call.credential is not None and call.credential.allows(call.bundle)
        allowed = allowed and not (kind and kind.certificate_only)
    return None if allowed else Refusal("TopicDisallowed")


def priority(call: Call) -> Refusal | None:
    named = call.headers.get("apns-priority")
    if named is not None and named not in PRIORITIES:
        return Refusal("BadPriority")
    background = call.push_type is not None and call.push_type.name == "background"
    if background and named == "10" and call.knobs.background_priority == "reject":
        return Refusal("BadPriority")
    return None


def expiration(call: Call) -> Refusal | None:
    named = call.headers.get("apns-expiration")
    return None if named is None or _WHOLE.fullmatch(named) else Refusal("BadExpirationDate")


def collapse_id(call: Call) -> Refusal | None:
    named = call.headers.get("apns-collapse-id", "")
    size = len(named.encode("utf-8", "surrogateescape"))
    return Refusal("BadCollapseId") if size > COLLAPSE_LIMIT else None


def payload(call: Call) -> Refusal | None:
    if not call.request.body:
        return Refusal("PayloadEmpty")
    limit = PAYLOAD_LIMIT if call.push_type is None else call.push_type.payload_limit
    if len(call.request.body) > limit:
        return Refusal("PayloadTooLarge")
    if call.knobs.malformed_json == "reject" and not is_json_object(call.request.body):
        return Refusal("BadRequestPayload")
    return None


def token_known(call: Call) -> Refusal | None:
    if not well_formed(call.token):
        return Refusal("BadDeviceToken")
    call.device = call.registry.find(call.token)
    if call.device is None:
        if not call.knobs.accept_unknown_tokens:
            return Refusal("BadDeviceToken")
        call.device = Token(token=call.token, bundle=call.bundle)
    return None


def token_for_topic(call: Call) -> Refusal | None:
    device, kind = call.device, call.push_type
    if device is None or kind is None:
        return Refusal("BadDeviceToken")
    team = None if isinstance(call.credential, Certificate) or not call.credential else call.credential.team_id
    foreign = None not in (device.team, team) and device.team != team
    return Refusal("DeviceTokenNotForTopic") if foreign or not device.takes(call.bundle, kind.name) else None


def token_alive(call: Call) -> Refusal | None:
    device = call.device
    if device is None or not device.known_gone(call.now, timedelta(days=call.knobs.gone_delay_days)):
        return None
    return Refusal("ExpiredToken" if device.state == "expired" else "Unregistered", device.gone_since)


REQUEST_CHECKS: tuple[Check, ...] = (
    method,
    path,
    duplicates,
    credential,
    message_id,
    topic_and_type,
    topic_allowed,
    priority,
    expiration,
    collapse_id,
    payload,
)
TOKEN_CHECKS: tuple[Check, ...] = (token_known, token_for_topic, token_alive)


def is_uuid(text: str) -> bool:
    """A UUID in Apple's canonical form; upper case is taken and comes back in lower case."""
    return _UUID.fullmatch(text.lower()) is not None


def is_json_object(body: bytes) -> bool:
    """Whether a device could make anything of a payload."""
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
