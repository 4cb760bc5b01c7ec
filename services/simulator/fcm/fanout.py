"""Carries an accepted topic message to its subscribers: at a rate that all share, and never taken back (F20)."""

from collections import deque
from dataclasses import dataclass, field

from services.simulator.fcm.installation import Installation
from services.simulator.fcm.message import Message

CONCURRENT_LIMIT = 1000  # per project
PER_SECOND = 10_000.0  # deliveries, over all fan-outs (the protocol reference, B.5)


@dataclass(frozen=True, slots=True)
class FanOut:
    project: str
    message_id: str
    message: Message
    installations: deque[Installation]  # the subscribers when it was accepted


@dataclass(slots=True)
class FanOuts:
    """Told the time (simulated seconds); `due` hands out what the rate has made due since the last time."""

    per_second: float = PER_SECOND
    limit: int = CONCURRENT_LIMIT
    running: deque[FanOut] = field(default_factory=deque)
    budget: float = 0.0
    seen: float = 0.0

    def full(self, project: str) -> bool:
        return sum(1 for each in self.running if each.project == project) >= self.limit

    def start(self, fan_out: FanOut, now: float) -> None:
        if not self.running:
            self.budget, self.seen = 0.0, now
        if fan_out.installations:
            self.running.append(fan_out)

    def due(self, now: float) -> list[tuple[FanOut, Installation]]:
        self.budget += max(0.0, now - self.seen) * self.per_second
        self.seen = max(self.seen, now)
        out: list[tuple[FanOut, Installation]] = []
        while self.running and self.budget >= 1:
            self.budget -= 1
            first = self.running[0]
            out.append((first, first.installations.popleft()))
            self.running.rotate(-1)  # a share for each
            if not first.installations:
                self.running.remove(first)
        return out

    def clear(self) -> None:
        self.running.clear()
