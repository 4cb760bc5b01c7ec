"""Who may still send: the project's, the device's and the collapsible bucket, each told the time.

Source: the protocol reference, B.5, rows F10 and F11.
"""

import zlib
from dataclasses import dataclass, field

MINUTE = 60.0
HOUR = 3600.0
PROJECT_PER_MINUTE = 600_000
DEVICE_PER_MINUTE = 240
DEVICE_PER_HOUR = 5_000
COLLAPSIBLE_BURST = 20
COLLAPSIBLE_EVERY = 180.0  # one per 3 minutes


@dataclass(slots=True)
class Refilling:
    """A bucket that is full again each period, at a phase of its own, not on the clock's minute. Times in seconds."""

    limit: int
    period: float
    phase: float
    used: int = 0
    window: int = field(default=-1)

    def left(self, now: float) -> int:
        self._turn(now)
        return self.limit - self.used

    def use(self, now: float) -> None:
        """Counts one, also beyond the limit: an invalid request consumes whatever is left."""
        self._turn(now)
        self.used += 1

    def refills_in(self, now: float) -> float:
        return self.period - (now - self.phase) % self.period

    def _turn(self, now: float) -> None:
        window = int((now - self.phase) // self.period)
        if window != self.window:
            self.window, self.used = window, 0


@dataclass(slots=True)
class Dripping:
    """A burst, then one each `every` seconds: this bucket delays what it does not let pass."""

    burst: int = COLLAPSIBLE_BURST
    every: float = COLLAPSIBLE_EVERY
    tokens: float = -1.0
    seen: float = 0.0

    def take(self, now: float) -> bool:
        if self.tokens < 0:
            self.tokens, self.seen = float(self.burst), now
        self.tokens = min(float(self.burst), self.tokens + (now - self.seen) / self.every)
        self.seen = now
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True

    def next_at(self, now: float) -> float:
        """When `take` will say yes, if it said no just now."""
        return now + max(0.0, 1 - self.tokens) * self.every


@dataclass(slots=True)
class Quotas:
    """All buckets of the simulator; they appear with their first message, each with a phase drawn from the seed."""

    seed: int = 0
    project_limit: int = PROJECT_PER_MINUTE
    device_minute: int = DEVICE_PER_MINUTE
    device_hour: int = DEVICE_PER_HOUR
    projects: dict[str, Refilling] = field(default_factory=dict)
    devices: dict[str, tuple[Refilling, Refilling]] = field(default_factory=dict)
    topic_calls: dict[str, Refilling] = field(default_factory=dict)

    def project(self, number: str, limit: int | None = None) -> Refilling:
        """`limit`: the project's own, if it was granted another than everybody's."""
        bucket = self.projects.get(number)
        if bucket is None:
            bucket = self.projects[number] = Refilling(0, MINUTE, self._phase(number, MINUTE))
        bucket.limit = self.project_limit if limit is None else limit
        return bucket

    def device(self, key: str) -> tuple[Refilling, Refilling]:
        buckets = self.devices.get(key)
        if buckets is None:
            minute, hour = (Refilling(0, period, self._phase(key, period)) for period in (MINUTE, HOUR))
            buckets = self.devices[key] = minute, hour
        buckets[0].limit, buckets[1].limit = self.device_minute, self.device_hour
        return buckets

    def topics(self, number: str, limit: int) -> Refilling:
        """Calls of the instance id API by a project, a second."""
        bucket = self.topic_calls.setdefault(number, Refilling(limit, 1.0, 0.0))
        bucket.limit = limit
        return bucket

    def _phase(self, key: str, period: float) -> float:
        return zlib.crc32(f"{self.seed}/{key}/{period}".encode()) / 2**32 * period

    def clear(self) -> None:
        self.projects.clear()
        self.topic_calls.clear()
        self.devices.clear()
