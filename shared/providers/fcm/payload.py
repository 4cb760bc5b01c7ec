"""Makes FCM requests: everything but the token and what templates render is built once for all devices."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.flow.device import Device
from shared.flow.message import Message
from shared.flow.send import Problem
from shared.providers.body import compact
from shared.providers.contract import RENDERING, Context, Headers, Made, Refusal, Requests, Target
from shared.providers.fcm.compose import Json, compose
from shared.providers.fcm.lifetime import bounded_in_time
from shared.providers.fcm.rules import LIMIT, TOPIC_LIMIT, size_problem
from shared.providers.fcm.settings import FcmSettings
from shared.providers.once import shown_once
from shared.templates.bodies import Bodies, bodies_of
from shared.templates.places import leaves

HEADERS: Final[Headers] = (("content-type", "application/json"),)
TOKEN: Final = re.compile(r"[A-Za-z0-9_:.%~-]{1,4096}")
"""What tokens are made of, and none of it needs escaping in JSON."""
_HEAD: Final = b'{"message":{"token":"'
_HEADS: Final[dict[Target, bytes]] = {
    "token": _HEAD, "topic": b'{"message":{"topic":"', "condition": b'{"message":{"condition":"',
}  # fmt: skip
_TARGET: Final = re.compile(r"[^\\\"\x00-\x1f]{1,4096}")
"""Of topics and conditions: what needs no escaping in JSON; the door has read them."""
_BETWEEN: Final = b'",'
_NO_TOKEN: Final = Refusal(
    pointer="/token", detail="holds characters that no token has", reason="INVALID_ARGUMENT:token", suspect=True
)


@dataclass(frozen=True, slots=True)
class PreparedFcm:
    """A body in two halves around the token; the second is the same for all, or each device's own."""

    path: str
    tail: bytes
    refusal: Refusal | None = None
    headers: Headers = HEADERS
    own: Bodies | None = None
    once: str = ""
    """Our name against repeats, which counts towards no limit."""
    head: bytes = _HEAD
    shape: re.Pattern[str] = TOKEN
    aside: bool = False

    def requests(self, devices: Sequence[Device]) -> Made:
        """The requests for these devices."""
        if self.refusal is not None:
            return Made(Requests(0, (), b""), (), [(device, self.refusal) for device in devices])
        well_formed, head, tail = self.shape.fullmatch, self.head, self.tail
        good = [device for device in devices if well_formed(device.token)]
        refused: Sequence[tuple[Device, Refusal]] = ()
        if len(good) < len(devices):
            sent = {device.id for device in good}
            refused = [(device, _NO_TOKEN) for device in devices if device.id not in sent]
        if self.own is not None:
            return self._each(self.own, good, refused)
        bodies = [head + device.token.encode() + tail for device in good]
        return Made(Requests(len(good), self.path, bodies), good, refused)

    def _each(self, own: Bodies, good: Sequence[Device], refused: Sequence[tuple[Device, Refusal]]) -> Made:
        bodies = [
            None if tail is None else self.head + device.token.encode() + _BETWEEN + tail[1:] + b"}"
            for device, tail in zip(good, own.of(good), strict=True)
        ]
        return Made(Requests(len(good), self.path, b""), good, refused).each(bodies, self._unfit)

    def _unfit(self, body: bytes) -> Refusal | None:
        """What the limit counts is part of the body, so only a body above it has to be looked into."""
        if len(body) <= LIMIT:
            return None
        sent = json.loads(body)["message"]
        shown = sent.get("android", {}).get("notification", {})
        if shown.get("tag") == self.once:
            del shown["tag"]
        return _too_large(size_problem(sent))


def prepare(message: Message, settings: FcmSettings, context: Context) -> PreparedFcm:
    """The message for one variant; a message that is too long is refused for every device."""
    path = f"/v1/projects/{settings.project_id}/messages:send"
    head = _HEADS[context.target]
    head = b'{"validate_only":true,' + head[1:] if context.dry_run else head
    if leaves(message, "fcm"):
        return replace(_own(message, path, context), head=head)
    composed = _composed(message)
    to_one = context.target == "token"
    refusal = _too_large(size_problem(composed, LIMIT if to_one else TOPIC_LIMIT))
    if refusal is not None:
        return PreparedFcm(path, b"", refusal)
    tail = _BETWEEN + compact(bounded_in_time(composed, context))[1:] + b"}"
    return PreparedFcm(path, tail, head=head, shape=TOKEN if to_one else _TARGET)


def _own(message: Message, path: str, context: Context) -> PreparedFcm:
    """With templates."""
    try:
        own = bodies_of(
            message, "fcm", context.variant, lambda marked: compact(bounded_in_time(_composed(marked), context))
        )
    except ValueError:  # the door has let it through once; it is not asked again what it thinks
        return PreparedFcm(path, b"", RENDERING)
    return PreparedFcm(path, b"", own=own, once=shown_once(context.send_key))


def _composed(message: Message) -> Json:
    return compose(message, message.raw_for("fcm") or {})


def _too_large(problem: Problem | None) -> Refusal | None:
    if problem is None:
        return None
    return Refusal(pointer=problem.pointer, detail=problem.detail, reason="PayloadTooLarge")
