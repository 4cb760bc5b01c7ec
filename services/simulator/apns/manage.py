"""The channel management port: create, read, delete and list an app's broadcast channels."""

from __future__ import annotations

import json
import re
from typing import Any

from services.simulator.apns import checks
from services.simulator.apns.broadcast import REQUEST_ID, app_allowed, channel_of, enabled, is_live_activity, request_id
from services.simulator.apns.call import Call
from services.simulator.apns.handler import ApnsHandler
from services.simulator.apns.reasons import Refusal
from services.simulator.apns.topics import WIDE_PAYLOAD_LIMIT
from services.simulator.apns.verdict import Verdict, refusal

_PATH = re.compile(r"/1/apps/([A-Za-z0-9][A-Za-z0-9.-]*)/(channels|all-channels)")
METHODS = {"channels": ("POST", "GET", "DELETE"), "all-channels": ("GET",)}
CREATED, FOUND, DELETED = 201, 200, 204


def path_and_method(call: Call) -> Refusal | None:
    match = _PATH.fullmatch(call.request.path)
    if match is None:
        return Refusal("BadPath")
    call.bundle = match[1]
    return None if call.request.method in METHODS[match[2]] else Refusal("MethodNotAllowed")


MANAGE_CHECKS: tuple[checks.Check, ...] = (
    path_and_method,
    checks.duplicates,
    checks.credential,
    enabled,
    app_allowed,
    request_id,
)


class ManageHandler(ApnsHandler):
    """`/1/apps/<bundle>/channels` and `/1/apps/<bundle>/all-channels`."""

    def id_header(self, call: Call) -> str:  # noqa: ARG002  the same for all
        return REQUEST_ID

    def judge(self, call: Call) -> Verdict:
        refused = checks.first_refusal(MANAGE_CHECKS, call)
        if refused is not None:
            return refusal(refused)
        if call.request.path.endswith("/all-channels"):
            return Verdict(FOUND, body=_json({"channels": self.site.channels.of(call.bundle)}))
        return self._create(call) if call.request.method == "POST" else self._find_or_delete(call)

    def _create(self, call: Call) -> Verdict:
        wanted = _wanted(call.request.body)
        if isinstance(wanted, Refusal):
            return refusal(wanted)
        if len(self.site.channels.of(call.bundle)) >= call.knobs.channel_limit:
            return refusal(Refusal("CannotCreateChannelConfig"))
        channel = self.site.channels.create(call.bundle, wanted)
        return Verdict(CREATED, headers=(("apns-channel-id", channel.id),))

    def _find_or_delete(self, call: Call) -> Verdict:
        channel = channel_of(self.site.channels, call)
        if isinstance(channel, Refusal):
            return refusal(channel)
        if call.request.method == "DELETE":
            self.site.channels.delete(channel)
            return Verdict(DELETED)
        return Verdict(FOUND, body=_json({"message-storage-policy": channel.policy, "push-type": "LiveActivity"}))


def _wanted(body: bytes) -> int | Refusal:
    """The storage policy that a creation asks for."""
    if not body:
        return Refusal("PayloadEmpty")
    if len(body) > WIDE_PAYLOAD_LIMIT:
        return Refusal("PayloadTooLarge")
    try:
        asked: Any = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        return Refusal("BadRequestPayload")
    if "push-type" not in asked:
        return Refusal("MissingPushType")
    if not is_live_activity(str(asked["push-type"])):
        return Refusal("InvalidPushType")
    policy = asked.get("message-storage-policy")
    return policy if type(policy) is int and policy in (0, 1) else Refusal("BadRequestParams")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
