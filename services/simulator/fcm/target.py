"""What the token, FID or topic of a message makes of it: not known, not alive, not ours, or refused by Apple.

Source: the protocol reference, B.3 and rows F6, F7, F17, F18.
"""

from services.simulator.fcm.installation import Installation, well_formed
from services.simulator.fcm.knobs import FcmKnobs
from services.simulator.fcm.message import Message
from services.simulator.fcm.project import Project
from services.simulator.fcm.refusal import Refusal, apns_error, bad_request, fcm_error, invalid_message, refusal

MALFORMED = "The registration token is not a valid FCM registration token"
MALFORMED_FID = "The Firebase Installation ID is not valid"
APNS_PAYLOAD_LIMIT = 4096
APNS_COLLAPSE_LIMIT = 64  # bytes
APNS_PRIORITIES = ("", "1", "5", "10")
AUTH_ERROR = "Auth error from APNS or Web Push Service"


def unregistered(*more: dict[str, object]) -> Refusal:
    return refusal("NOT_FOUND", None, fcm_error("UNREGISTERED"), *more)


def sender_mismatch() -> Refusal:
    return refusal("PERMISSION_DENIED", "SenderId mismatch", fcm_error("SENDER_ID_MISMATCH"))


def malformed(kind: str, knobs: FcmKnobs) -> Refusal:
    if kind == "fid":
        return invalid_message(MALFORMED_FID, "message.fid")
    if knobs.malformed == "bad_request":
        return bad_request([("message.token", MALFORMED)])
    return invalid_message(MALFORMED)


def unknown_target(kind: str, name: str, knobs: FcmKnobs) -> Refusal:
    """A token that nobody registered: once Google's (404), or never (400)."""
    return unregistered() if well_formed(kind, name) else malformed(kind, knobs)


def state_refused(kind: str, found: Installation, project: Project, now: float, knobs: FcmKnobs) -> Refusal | None:
    """FCM's own knowledge of a registered installation. `kind`: token or fid, by which it was asked for."""
    if found.state == "malformed":
        return malformed(kind, knobs)
    if found.state == "other_project" or found.project != project.id:
        return sender_mismatch()
    dead = found.state in ("unregistered", "web_dead") or found.aged(now)
    if dead or (kind == "fid" and found.fid_state == "unregistered"):
        return unregistered()
    return None


def package_refused(found: Installation, message: Message) -> Refusal | None:
    wanted = message.android.get("restricted_package_name")
    if found.kind != "android" or not wanted or not found.package or wanted == found.package:
        return None
    text = "The message was addressed to a token whose package name does not match restricted_package_name."
    return invalid_message(text, "message.android.restricted_package_name")


def platform_refused(found: Installation, message: Message, project: Project, knobs: FcmKnobs) -> Refusal | None:
    """What the platform behind FCM answers: Apple's words come as ApnsError, a browser's service has none."""
    reason = project.third_party_auth_error.get(found.kind)
    if reason is not None and found.kind != "android":
        details = (apns_error(403, reason or "InvalidProviderToken"),) if found.kind == "ios" else ()
        return refusal("UNAUTHENTICATED", AUTH_ERROR, fcm_error("THIRD_PARTY_AUTH_ERROR"), *details)
    return _apple_refused(found, message, knobs) if found.kind == "ios" else None


def _apple_refused(found: Installation, message: Message, knobs: FcmKnobs) -> Refusal | None:
    match found.state:
        case "ios_disabled":
            return _apple_disabled(knobs)
        case "ios_bad_token":
            return _apns("BadDeviceToken")
        case "ios_wrong_topic":
            return _apns("DeviceTokenNotForTopic")
        case _:
            return _apple_message_refused(message)


def _apple_disabled(knobs: FcmKnobs) -> Refusal:
    gone = apns_error(410, "Unregistered")
    if knobs.ios_disabled == 404:  # noqa: PLR2004  HTTP
        return unregistered(gone)
    return refusal("INVALID_ARGUMENT", "APNs device token is disabled.", fcm_error("INVALID_ARGUMENT"), gone)


def _apple_message_refused(message: Message) -> Refusal | None:
    headers = message.apns_headers
    if len(headers.get("apns-collapse-id", "").encode()) > APNS_COLLAPSE_LIMIT:
        return _apns("BadCollapseId")
    if headers.get("apns-priority", "") not in APNS_PRIORITIES:
        return _apns("BadPriority")
    return _apns("PayloadTooLarge", 413) if message.apns_bytes > APNS_PAYLOAD_LIMIT else None


def _apns(reason: str, status: int = 400) -> Refusal:
    text = f"APNs rejected the message: {reason}"
    return refusal("INVALID_ARGUMENT", text, fcm_error("INVALID_ARGUMENT"), apns_error(status, reason))
