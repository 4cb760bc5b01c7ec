"""Makes FCM requests: everything but the token is built once for all devices."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.flow.device import Device
from shared.flow.message import Message
from shared.providers.body import compact
from shared.providers.contract import Context, Headers, Made, Refusal, Requests
from shared.providers.fcm.compose import compose
from shared.providers.fcm.lifetime import bounded_in_time
from shared.providers.fcm.rules import size_problem
from shared.providers.fcm.settings import FcmSettings

HEADERS: Final[Headers] = (("content-type", "application/json"),)
TOKEN: Final = re.compile(r"[A-Za-z0-9_:.%~-]{1,4096}")
"""What tokens are made of, and none of it needs escaping in JSON."""
_HEAD: Final = b'{"message":{"token":"'
_NO_TOKEN: Final = Refusal(
    pointer="/token", detail="holds characters that no token has", reason="INVALID_ARGUMENT:token", suspect=True
)


@dataclass(frozen=True, slots=True)
class PreparedFcm:
    """A body in two halves around the token."""

    path: str
    tail: bytes
    refusal: Refusal | None = None
    headers: Headers = HEADERS

    def requests(self, devices: Sequence[Device]) -> Made:
        """The requests for these devices."""
        if self.refusal is not None:
            return Made(Requests(0, (), b""), (), [(device, self.refusal) for device in devices])
        well_formed, tail = TOKEN.fullmatch, self.tail
        good = [device for device in devices if well_formed(device.token)]
        bodies = [_HEAD + device.token.encode() + tail for device in good]
        refused: Sequence[tuple[Device, Refusal]] = ()
        if len(good) < len(devices):
            sent = {device.id for device in good}
            refused = [(device, _NO_TOKEN) for device in devices if device.id not in sent]
        return Made(Requests(len(good), self.path, bodies), good, refused)


def prepare(message: Message, settings: FcmSettings, context: Context) -> PreparedFcm:
    """The message for one variant; a message that is too long is refused for every device."""
    path = f"/v1/projects/{settings.project_id}/messages:send"
    composed = compose(message, message.raw_for("fcm") or {})
    problem = size_problem(composed)
    if problem is not None:
        refusal = Refusal(pointer=problem.pointer, detail=problem.detail, reason="PayloadTooLarge")
        return PreparedFcm(path, b"", refusal)
    return PreparedFcm(path, b'",' + compact(bounded_in_time(composed, context))[1:] + b"}")
