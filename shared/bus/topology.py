"""Every exchange, queue and binding of the bus, as data.

sends ─#─▶ commands            backends publish send commands here
(default) ─▶ sends.<lane>      ingest wakes the planner for what has to be cut or waits for its time
(default) ─▶ slices.<platform>.<lane>   the planner wakes delivery, and who stored a small send
(default) ─▶ drops             an operator gives slices up that ended as dead letters
results ─<lane>.#─▶ results.<lane>
feedback                       the reporter publishes, tenants bind their `ext.<app>.*` queues
dead ─#─▶ dead-letters         what was rejected, expired from nothing, or came back too often
(default) ─▶ wait.<target>.<ms> ─ttl─▶ <target>
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from shared.bus.delay import ladder, wait_queue
from shared.flow.lane import Lane

DEFAULT: Final = ""
"""The exchange that leads to the queue named by the key."""
SENDS: Final = "sends"
RESULTS: Final = "results"
FEEDBACK: Final = "feedback"
DEAD: Final = "dead"

COMMANDS: Final = "commands"
DROPS: Final = "drops"
DEAD_LETTERS: Final = "dead-letters"

MAX_LENGTH: Final = 1_000_000
"""Messages in one queue before the broker refuses more: about 33 MB of the broker's memory."""
DELIVERY_LIMIT: Final = 100
"""Only a backstop: before 4.3 every lost connection raises the count of all that was prefetched."""
DEAD_LETTERS_KEPT: Final = timedelta(days=14)
LOOKS: Final = 1_000_000
"""An operator's look at the dead letters hands them back, and what came back too often is dropped: from 4.0 on after 20
times, unless the queue says otherwise (RabbitMQ, Quorum queues, "Poison message handling").
"""

EXTERNAL: Final = "ext."
"""The names of tenants' own queues start with this and their app; the policy below bounds them."""

Argument = str | int


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    kind: Literal["topic"] = "topic"


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue and the bindings that feed it: (exchange, key)."""

    name: str
    arguments: Mapping[str, Argument]
    bindings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """What `Bus.declare` makes sure of."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit that only an operator sets, because tenants make these queues themselves."""

    name: str
    pattern: str
    definition: Mapping[str, Argument] = field(default_factory=dict)


TENANTS: Final = Policy(
    name="carillon-tenants",
    pattern=r"^ext\.",
    definition={
        "max-length": 100_000,
        "overflow": "drop-head",
        "message-ttl": 7 * 86_400_000,
        "expires": 14 * 86_400_000,
    },
)
"""A tenant who does not read loses the oldest feedback; nobody else is refused, and no disk fills."""


def topology(platforms: Iterable[str], scale: float = 1) -> Topology:
    """Everything Carillon needs in the broker for these platforms under this time scale."""
    work = tuple(work_queues(platforms))
    waits = tuple({queue.name: queue for target in work for queue in _waits(target, scale)}.values())
    return Topology(
        exchanges=tuple(Exchange(name) for name in (SENDS, RESULTS, FEEDBACK, DEAD)),
        queues=(
            _dead_letters(),
            *(_work(name) for name in (COMMANDS, DROPS, *work)),
            *(_results(lane) for lane in Lane),
            *waits,
        ),
    )


def work_queues(platforms: Iterable[str]) -> list[str]:
    """The queues whose messages can be made to wait."""
    return [*map(sends_queue, Lane), *(slices_queue(name, lane) for name in platforms for lane in Lane)]


def sends_queue(lane: Lane) -> str:
    """Where ingest wakes the planner."""
    return f"sends.{lane}"


def slices_queue(platform: str, lane: Lane) -> str:
    """Where a delivery pool is fed."""
    return f"slices.{platform}.{lane}"


def results_queue(lane: Lane) -> str:
    """Where the reporter reads what became of chunks."""
    return f"results.{lane}"


def results_key(lane: Lane, app: str) -> str:
    """The key of a result on the exchange `results`."""
    return f"{lane}.{app}"


def _work(name: str) -> Queue:
    return Queue(name, guarded(DEAD, name), ((SENDS, "#"),) if name == COMMANDS else ())


def _results(lane: Lane) -> Queue:
    name = results_queue(lane)
    return Queue(name, guarded(DEAD, name), ((RESULTS, f"{lane}.#"),))


def _waits(target: str, scale: float) -> Iterable[Queue]:
    for step in ladder(scale):
        ttl = {"x-message-ttl": step.ttl // timedelta(milliseconds=1)}
        yield Queue(wait_queue(target, step), guarded(DEFAULT, target) | ttl)


def guarded(exchange: str, key: str) -> dict[str, Argument]:
    """At-least-once dead-lettering needs reject-publish; with drop-head the broker falls back in silence
    (RabbitMQ, Quorum queues, "Activating at-least-once dead-lettering").
    """
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": key,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": MAX_LENGTH,
    }


def _dead_letters() -> Queue:
    """Drops its oldest when full: refusing would keep dead letters in the queues that they come from, for ever."""
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-overflow": "drop-head",
        "x-max-length": MAX_LENGTH,
        "x-message-ttl": DEAD_LETTERS_KEPT // timedelta(milliseconds=1),
        "x-delivery-limit": LOOKS,
    }
    return Queue(DEAD_LETTERS, arguments, ((DEAD, "#"),))
