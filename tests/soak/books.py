"""What the engine said of each request against what the far end counted for it. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, assert_never

from shared.flow.verdict import Answer, NotProcessed, Outcome, OutcomeUnknown

ACCEPTED: Final = 1
"""The far end's byte for a request: how often accepted in the low four bits, how often refused in the high ones."""
REFUSED_ONCE: Final = 16


class End(IntEnum):
    """How a request ended, by the engine."""

    NONE = 0
    DELIVERED = 1
    REFUSED = 2
    NOT_PROCESSED = 3
    UNKNOWN = 4
    WITHDRAWN = 5


ALLOWED: Final[dict[End, frozenset[int]]] = {
    End.NONE: frozenset(),
    End.DELIVERED: frozenset({ACCEPTED}),
    End.REFUSED: frozenset({REFUSED_ONCE}),
    End.NOT_PROCESSED: frozenset({0}),
    End.UNKNOWN: frozenset({0, ACCEPTED, REFUSED_ONCE}),
    End.WITHDRAWN: frozenset({0}),
}


def end_of(outcome: Outcome) -> End:
    """The end that an outcome other than 200 is."""
    match outcome:
        case Answer():
            return End.REFUSED
        case NotProcessed():
            return End.NOT_PROCESSED
        case OutcomeUnknown():
            return End.UNKNOWN
        case _:
            assert_never(outcome)


@dataclass(slots=True)
class Books:
    """A byte for each request, written beforehand so that keeping books takes no more memory as time goes by."""

    size: int
    given: int = 0
    twice: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    said: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.said = bytearray(b"\xff" * self.size)  # not zeros: memory that was never written is not there yet
        for at in range(self.size):
            self.said[at] = End.NONE

    def take(self, n: int) -> range:
        """The numbers of so many requests; fewer if the books are full."""
        first, self.given = self.given, min(self.given + n, self.size)
        return range(first, self.given)

    def end(self, number: int, how: End) -> None:
        """A request has ended."""
        self.twice += self.said[number] != End.NONE
        self.said[number] = how

    def totals(self) -> Counter[End]:
        """How many ended how."""
        return Counter(map(End, self.said[: self.given]))

    def faults(self, counted: Iterable[int]) -> list[str]:
        """Where engine and far end contradict each other; `counted` is the far end's bytes."""
        pairs = Counter(zip(self.said[: self.given], counted, strict=False))
        found = [
            f"{n} requests: the engine said {End(said).name}, the far end accepted {came % 16} and refused {came // 16}"
            for (said, came), n in sorted(pairs.items())
            if came not in ALLOWED[End(said)]
        ]
        return found + ([f"{self.twice} requests ended twice"] if self.twice else [])
