"""What is in force at a simulated provider now: its knobs with the chance that they ask for, and tokens' scripts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, Generic, TypeVar

from services.simulator.knobs import Knobs, Step

K = TypeVar("K", bound=Knobs)


class Dial(Generic[K]):
    """The current knobs of one provider, and the seeded chance that they ask for."""

    def __init__(self, start: K) -> None:
        self._start = self.now = start
        self._rearm()

    def _rearm(self) -> None:
        self.chance = Random(self.now.seed)  # noqa: S311  repeatable, not secret
        self.refusals_left = self.now.refuse_connections

    def turn(self, change: Mapping[str, Any]) -> K:
        """Change some knobs, keep the others. Chance starts again when the seed is given. Raises ValidationError."""
        self.now = type(self.now).model_validate({**self.now.model_dump(), **change})
        if "seed" in change:
            self.chance = Random(self.now.seed)  # noqa: S311  repeatable, not secret
        if "refuse_connections" in change:
            self.refusals_left = self.now.refuse_connections
        return self.now

    def reset(self) -> None:
        """Back to how it started."""
        self.now = self._start
        self._rearm()

    def hit(self, share: float) -> bool:
        """Whether this one belongs to the share."""
        return share > 0 and self.chance.random() < share

    def delay(self) -> float:
        """The latency of the next answer."""
        wanted = self.now.latency
        if self.hit(wanted.tail_share):
            return wanted.tail
        if wanted.median <= 0:
            return 0.0
        return wanted.median * self.chance.lognormvariate(0.0, wanted.sigma)

    def fault(self) -> Step | None:
        """The fault that the next request meets, if any."""
        return next((fault for fault in self.now.faults if self.hit(fault.share)), None)


class Scripts:
    """What single tokens answer next, one step a request."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Step]] = {}

    def put(self, token: str, steps: Iterable[Step]) -> None:
        """Replace a token's script."""
        self._queues[token] = deque(step for step in steps for _ in range(step.times))

    def take(self, token: str) -> Step | None:
        """The next step of a token, if it has one."""
        queue = self._queues.get(token)
        if not queue:
            self._queues.pop(token, None)
            return None
        return queue.popleft()

    def left(self, token: str) -> list[dict[str, Any]]:
        """What a token has not used yet."""
        return [step.model_dump(exclude_defaults=True, exclude={"times"}) for step in self._queues.get(token, ())]

    def clear(self) -> None:
        """Forget all."""
        self._queues.clear()
