"""One request to APNs while the checks go over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.simulator.apns.authentication import Credential, Desk
from services.simulator.apns.certificate import Certificate
from services.simulator.apns.knobs import ApnsKnobs
from services.simulator.apns.registry import Registry, Token
from services.simulator.apns.topics import PushType
from services.simulator.exchange import Request


@dataclass(slots=True)
class Call:
    """A request, where and when it was made, and what the checks found out so far."""

    request: Request
    environment: str
    desk: Desk
    registry: Registry
    knobs: ApnsKnobs
    now: datetime
    headers: dict[str, str] = field(default_factory=dict)  # the first of each name
    credential: Credential | None = None
    token: str = ""  # as in the path, lower-case
    topic: str = ""
    bundle: str = ""
    push_type: PushType | None = None
    device: Token | None = None

    def __post_init__(self) -> None:
        for name, value in self.request.headers:
            self.headers.setdefault(name, value)

    @property
    def certificate(self) -> Certificate | None:
        """The credential, if it is a certificate."""
        return self.credential if isinstance(self.credential, Certificate) else None

    @property
    def priority(self) -> int:
        """The priority it has or implies."""
        named = self.headers.get("apns-priority")
        if named is not None:
            return int(named)
        return 5 if self.push_type is not None and self.push_type.name == "background" else 10

    @property
    def expiration(self) -> int | None:
        """UNIX seconds, or None."""
        named = self.headers.get("apns-expiration")
        return None if named is None else int(named)
