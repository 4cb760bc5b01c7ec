"""What a case is, how its stack is set up, and what comes out of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

Extra = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Stack:
    """The servers and processes of a case. `chunk`, `in_flight` and `lease` are given to them and make the bars."""

    chunk: int = 100
    in_flight: int = 8
    lease: float = 5
    """A rung of the ladder of waits under this time scale, as 30 s is in production."""
    scale: float = 60
    store_nodes: int = 1
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a case plays on."""

    stack: Stack = Stack()
    variants: tuple[str, ...] = ("apns", "fcm")
    latency: float = 0.25
    ttl: float = 600
    duplicates: str = "collapse"
    trickle: float = 5
    reports_within: float = 60
    """Seconds for reports to become final after the fault is over and the last campaign is."""
    webhook: bool = False
    """Whether the app has one, which must be told of the end of every promised send."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, and what it is called."""

    name: str
    does: str
    fault: "Callable[[Scene], Awaitable[None]]"
    setup: Setup = Setup()
    kills: bool = False
    """Whether it kills at moments drawn: the sum of what was in flight must not be 0 then."""
    timed: bool = True
    """Whether the time counts that a kill is felt; not where nothing is to be done after it."""
    drives: bool = False
    """Whether it starts its campaigns itself; else they follow each other as long as it lasts."""
    poison: bool = False
    """Whether some chunk deserves to be closed as poison; else none may be, whatever dies."""
    own_network: bool = False
    needs: tuple[str, ...] = ()
    """Files that must exist, each of a Debian package that the README names."""
    limit: float = 600
    """Seconds after which it has failed."""


@dataclass(frozen=True, slots=True)
class Result:
    """A line of chaos.json."""

    case: str
    devices: int
    promised: int
    delivered: int
    lost: int
    duplicated: int
    in_flight_bound: int
    in_flight_at_kills: tuple[int, ...]
    miscounted: int
    seconds: float
    seed: int
    metrics: tuple[str, ...] = ()
    """Those of the catalogue that moved."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result and why it is not good enough, if it is not; `remarks` say where the books do not fit."""

    result: Result | None
    failures: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    recovery: tuple[float, ...] = ()

    @classmethod
    def parsed(cls, given: Mapping[str, Any]) -> "Outcome":
        """From what `asdict` makes of one, by way of JSON."""
        found = given["result"]
        several = {name: tuple(found[name]) for name in ("in_flight_at_kills", "metrics")} if found else {}
        result = Result(**{**found, **several}) if found else None
        return cls(result, tuple(given["failures"]), tuple(given["remarks"]), tuple(given["recovery"]))

    @property
    def good(self) -> bool:
        return not self.failures

    def line(self) -> dict[str, Any]:
        """In chaos.json, whose form others rely on; metrics are written beside it."""
        return {name: said for name, said in asdict(self.result).items() if name != "metrics"} if self.result else {}
