"""Which wait queue a wished delay leads to: the ladder of steps, the only table of delays on the bus.

There is one wait queue per step and target: a message in front with a longer time of its own would hold back all
behind it, and so would a full target.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

STEPS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30, 60, 120, 300, 600))
"""Before the time scale. What waits longer than the last step is a due time in the store."""

OVERSHOOT: Final = timedelta(seconds=1)
"""Never scaled: who waits for a claim to run out comes at most this much after it."""

SHORTEST: Final = timedelta(milliseconds=10)
"""No wait queue is shorter, whatever the time scale."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: `nominal` is the delay as policies state it, `ttl` the time it really takes under the time scale."""

    nominal: timedelta
    ttl: timedelta


@lru_cache(maxsize=8)  # a process has one scale
def ladder(scale: float = 1) -> tuple[Step, ...]:
    """All steps, shortest first."""
    return tuple(Step(nominal, _real(nominal, scale)) for nominal in STEPS)


def step_for(wish: timedelta, scale: float = 1) -> Step | None:
    """The first step that is not shorter than a wish stated before the time scale; None: longer than the ladder."""
    return next((step for step in ladder(scale) if step.nominal >= wish), None)


def step_past(span: timedelta, scale: float = 1) -> Step | None:
    """The first step that really takes no less than `span` (say, until a claim runs out); None: beyond the ladder."""
    return next((step for step in ladder(scale) if step.ttl >= span), None)


def step_towards(span: timedelta, scale: float = 1) -> Step:
    """Where to wait for the end of `span` without missing it by much: the first step past it if that is near, else the
    longest that ends before it, after which there is less to wait for.
    """
    past = step_past(span, scale)
    before = [step for step in ladder(scale) if step.ttl <= span]
    if past is not None and (not before or past.ttl - span <= OVERSHOOT):
        return past
    return before[-1]


def wait_queue(target: str, step: Step) -> str:
    """The name of the queue in which messages for `target` wait that long; it carries the real time."""
    return f"wait.{target}.{step.ttl // timedelta(milliseconds=1)}"


def _real(nominal: timedelta, scale: float) -> timedelta:
    milliseconds = max(nominal / scale, SHORTEST) / timedelta(milliseconds=1)
    return timedelta(milliseconds=math.ceil(milliseconds))
