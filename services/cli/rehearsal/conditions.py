"""What can be the matter with a device, what its provider answers in turn, and what must become of the notification.

Answers are written as the simulators' logs name them: status and reason. The last one is final. Sources: the protocol
reference, tables F.1 and F.2 for the answers, table E.1 for the outcomes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from shared.flow.verdict import Fate

ACCEPTED: Final = "200"
Known = Literal["active", "died later", "died before", "malformed", "elsewhere"]
"""How the provider knows the token: dead since a moment after, or before, the device last registered with Carillon; no
token at all; or one of another app or project."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One row. `share` is of the platform's devices; what the rows leave over is healthy."""

    name: str
    share: float
    fate: Fate
    final: str
    before: tuple[str, ...] = ()
    known: Known = "active"
    text: str = ""
    """What Google says beside the code, where that matters."""
    asked_to_wait: timedelta = timedelta()
    """Before each further attempt, as the provider asked in `Retry-After`."""
    retired: bool = False
    """Whether Carillon must have taken the registration out of service in the end."""

    @property
    def suspect(self) -> bool:
        """Whether the registration waits in quarantine, to be judged while or after the rehearsal lasts."""
        return self.known in {"malformed", "elsewhere"}

    @property
    def answers(self) -> tuple[str, ...]:
        """Everything the provider answers to one notification, in order."""
        return (*self.before, self.final)

    @property
    def script(self) -> list[dict[str, Any]]:
        """What the simulator is told to answer before its own rules decide."""
        wait = int(self.asked_to_wait.total_seconds())
        refusals = [refusal.split(" ", 1) for refusal in self.before]
        said = {"retry_after": str(wait)} | ({"message": self.text} if self.text else {})
        return [{"status": int(status), "reason": why, **said} for status, why in refusals]

    @property
    def reason(self) -> str:
        """The reason that the report counts it under: the provider's own word."""
        return "" if self.final == ACCEPTED else self.final.split(" ", 1)[1]


def _busy(name: str, share: float, refusal: str, wait: timedelta, *, times: int = 1, text: str = "") -> Condition:
    """Turned away a few times, then accepted."""
    return Condition(name, share, Fate.DELIVERED, ACCEPTED, before=(refusal,) * times, asked_to_wait=wait, text=text)


DEVICE_QUOTA: Final = "Device message rate exceeded."
HEALTHY: Final = Condition("healthy", 0.0, Fate.DELIVERED, ACCEPTED)

APNS: Final = (
    Condition("dead", 0.04, Fate.UNREGISTERED, "410 Unregistered", known="died later", retired=True),
    Condition("registered again", 0.02, Fate.UNREGISTERED, "410 Unregistered", known="died before"),
    Condition("malformed", 0.02, Fate.REJECTED, "400 BadDeviceToken", known="malformed"),
    Condition("other app", 0.01, Fate.REJECTED, "400 DeviceTokenNotForTopic", known="elsewhere"),
    _busy("throttled", 0.04, "429 TooManyRequests", timedelta(seconds=40)),
)
FCM: Final = (
    Condition("dead", 0.05, Fate.UNREGISTERED, "404 UNREGISTERED", known="died later", retired=True),
    Condition("malformed", 0.02, Fate.REJECTED, "400 INVALID_ARGUMENT", known="malformed"),
    Condition("other project", 0.01, Fate.REJECTED, "403 SENDER_ID_MISMATCH", known="elsewhere"),
    _busy("throttled", 0.04, "429 QUOTA_EXCEEDED", timedelta(seconds=30), text=DEVICE_QUOTA),
    _busy("throttled twice", 0.01, "429 QUOTA_EXCEEDED", timedelta(seconds=20), times=2, text=DEVICE_QUOTA),
    _busy("unavailable", 0.02, "503 UNAVAILABLE", timedelta(seconds=15)),
)
CONDITIONS: Final[Mapping[str, tuple[Condition, ...]]] = {"apns": APNS, "fcm": FCM}
