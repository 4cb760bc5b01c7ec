"""Random crashes between any two steps, redeliveries, reorderings, stale workers: the books close, little repeats."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from services.delivery.job import Found, Job
from shared.flow.books import repeats
from shared.flow.order import Wish
from shared.flow.record import Part
from shared.flow.send import Duplicates
from shared.store.claims import Claim, HeldByAnother, Suspected
from tests.unit.books import keeping
from tests.unit.books.delivering import deliver
from tests.unit.books.machine import Flow
from tests.unit.books.working import Process, Steps
from tests.unit.books.world import LEASE, LiveClaim, World

STEPS = 50


def test_whatever_crashes_repeats_or_comes_late_the_books_close_and_little_is_sent_twice() -> None:
    run_state_machine_as_test(
        Flow, settings=settings(max_examples=90, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    )


class Forgetful(dict[str, Any]):
    """Takes everything and remembers nothing."""

    def __contains__(self, key: object) -> bool:
        return False


@dataclass
class ClaimsForAll(World):
    def take(self, chunks: Sequence[str], owner: str, *, sends: bool = True, suspected: bool = False) -> Claim:
        del suspected
        claim = Claim(f"c{self.rng.getrandbits(32)}", tuple(chunks))
        self.claims.append(LiveClaim(claim, owner, self.now + LEASE, not sends))
        return claim


@dataclass
class GoneAreForgotten(World):
    def _found(self, job: Job) -> Found:
        found = super()._found(job)
        return Found(found.devices, [], found.looked_up_at, found.unknown)


@dataclass
class NoMarks(World):
    started: dict[str, object] = field(default_factory=Forgetful)


@dataclass
class CountedTwice(World):
    """A closer that does not mind a record that is there."""

    def parts(self, key: str) -> list[Part]:
        found = super().parts(key)
        return found + [part for part in found if part.closing][:1]


@dataclass
class DeathsAreForgotten(World):
    """A closer that takes what nobody holds for what nobody sent."""

    def take(
        self, chunks: Sequence[str], owner: str, *, sends: bool = True, suspected: bool = False
    ) -> Claim | HeldByAnother | Suspected:
        taken = super().take(chunks, owner, sends=sends, suspected=suspected)
        return replace(taken, doubtful=frozenset()) if isinstance(taken, Claim) else taken


FLAWS = {
    "deaths forgotten": DeathsAreForgotten,
    "no claims": ClaimsForAll,
    "gone forgotten": GoneAreForgotten,
    "no marks": NoMarks,
    "twice": CountedTwice,
}


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_a_flow_with_one_rule_broken_is_found_out(flaw: type[World]) -> None:
    class Flawed(Flow):
        world_of = flaw

    with pytest.raises(AssertionError):
        play(Flawed, 300)


@pytest.mark.parametrize("look_again", [True, False])
def test_a_worker_that_was_slow_to_claim_what_it_had_looked_up_must_look_again(*, look_again: bool) -> None:
    """Another worked it meanwhile, and its claim has run out or was handed back."""
    world = World(random.Random(1), look_again=look_again)
    key = world.accept("everyone", timedelta(hours=2), Duplicates.COLLAPSE)
    _to_the_end(keeping.plan(world, key))
    slow, *others = world.bus
    world.publish(*slow.slices)
    dawdling = deliver(world, Process(), slow)
    next(dawdling)
    for message in [*others, world.bus[-1]]:
        _to_the_end(deliver(world, Process(), message))
    world.now += 2 * LEASE
    _to_the_end(dawdling)
    assert (repeats(world.accepted[key]) == 0) == look_again


def _to_the_end(steps: Steps) -> None:
    for _ in steps:
        pass


def play(flow: type[Flow], lives: int) -> None:
    """So many lives of the model, drawn without Hypothesis: there is nothing to make smaller."""
    for seed in range(lives):
        live(flow(), random.Random(seed))


def live(flow: Flow, rng: random.Random) -> None:
    """One life: a send, and 25 things that happen to it."""
    life, duplicates = rng.choice([timedelta(minutes=2), timedelta(hours=2)]), rng.choice(list(Duplicates))
    flow.begin(rng.getrandbits(32), [(rng.choice(["everyone", "listed", "small"]), life, duplicates)])
    for _ in range(25):
        happen(flow, rng.choices(range(7), [5, 1, 1, 1, 1, 1, 1])[0], rng.randrange(1000))
        flow.the_laws_hold()
    flow.teardown()


def happen(flow: Flow, what: int, pick: int) -> None:
    match what:
        case 0:
            flow.work(pick % 5, pick % 60, pick)
        case 1:
            flow.wait(timedelta(seconds=(1, 31, 61)[pick % 3]))
        case 2:
            flow.kill(pick % 2)
        case 3:
            flow.another(("plan", "sweep", "hear", "drop")[pick % 4], pick)
        case 4:
            flow.overtake(pick % 2, timedelta(seconds=61), pick)
        case 5:
            flow.order(list(Wish)[pick % 3], pick)
        case _:
            flow.change_registry(pick)
