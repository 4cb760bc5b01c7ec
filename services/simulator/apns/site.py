"""One APNs environment: its tokens, what it stores for devices, its channels, and who may speak to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.simulator.apns.authentication import Desk
from services.simulator.apns.call import Call
from services.simulator.apns.channels import Channels
from services.simulator.apns.knobs import ApnsKnobs
from services.simulator.apns.registry import Registry
from services.simulator.apns.storage import Storage
from services.simulator.dial import Dial, Scripts
from services.simulator.exchange import Request
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger


class Buckets:
    """How much each device may still be sent (`429 TooManyRequests`)."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, datetime]] = {}

    def take(self, token: str, knobs: ApnsKnobs, now: datetime) -> bool:
        """Take one, if there is one."""
        rate = knobs.device_rate
        if rate is None:
            return True
        level, at = self._levels.get(token, (float(rate.burst), now))
        level = min(rate.burst, level + rate.per_second * (now - at).total_seconds())
        self._levels[token] = (level - 1 if level >= 1 else level, now)
        return level >= 1

    def clear(self) -> None:
        """Forget all."""
        self._levels.clear()


@dataclass(frozen=True, slots=True)
class Site:
    """All state of an environment. Keys, scripts, knobs, clock and ledger are the provider's, shared by both."""

    name: str
    desk: Desk
    storage: Storage
    scripts: Scripts
    dial: Dial[ApnsKnobs]
    clock: Clock
    ledger: Ledger
    registry: Registry = field(default_factory=Registry)
    channels: Channels = field(default_factory=Channels)
    buckets: Buckets = field(default_factory=Buckets)

    def call(self, request: Request) -> Call:
        """A request as the checks take it."""
        return Call(request, self.name, self.desk, self.registry, self.dial.now, self.clock.now())

    def settle(self) -> None:
        """Let devices have what fell due."""
        self.storage.settle(self.clock.now(), self._online)

    def _online(self, token: str) -> bool:
        device = self.registry.find(token)
        return device is None or device.online

    def clear(self) -> None:
        """Forget tokens, channels and what devices wait for."""
        for memory in (self.registry, self.storage, self.channels, self.buckets):
            memory.clear()
