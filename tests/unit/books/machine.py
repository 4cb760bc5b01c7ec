"""Everything that may happen, in any order: what Hypothesis plays against the model of the flow."""

import random
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.flow import books
from shared.flow.identity import send_of
from shared.flow.order import Wish
from shared.flow.send import Duplicates
from tests.unit.books import keeping
from tests.unit.books.checking import lawful
from tests.unit.books.delivering import deliver
from tests.unit.books.working import Process, Steps
from tests.unit.books.world import LEASE, VARIANTS, Waiting, World

PICK: Final = st.integers(0, 1000)
LIVES: Final = st.sampled_from([timedelta(minutes=2), timedelta(hours=2), timedelta(hours=26)])
LEAPS: Final = st.sampled_from([timedelta(seconds=n) for n in (1, 11, 31, 61, 1200)])
SENDS: Final = st.tuples(st.sampled_from(["everyone", "listed", "small"]), LIVES, st.sampled_from(Duplicates))
ROUNDS: Final = 400


class Flow(RuleBasedStateMachine):
    """Two delivery processes, and as many planners, sweeps and reporters at once as the rules start."""

    world_of: type[World] = World

    @initialize(seed=st.integers(0, 2**32), sends=st.lists(SENDS, min_size=1, max_size=3))
    def begin(self, seed: int, sends: list[tuple[str, timedelta, Duplicates]]) -> None:
        self.world = type(self).world_of(random.Random(seed))
        self.processes = [Process(), Process()]
        self.others: list[Steps] = []
        for kind, life, duplicates in sends:
            self.accept(kind, life, duplicates)
        self.work(0, 30, 0)  # most plans are made: it is afterwards that most goes wrong

    def accept(self, kind: str, life: timedelta, duplicates: Duplicates) -> None:
        self.others.append(keeping.plan(self.world, self.world.accept(kind, life, duplicates)))

    @rule(what=st.sampled_from(["plan", "sweep", "hear", "drop"]), pick=PICK)
    def another(self, what: str, pick: int) -> None:
        """One more planner, sweep or reporter for a send, or an operator who drops a chunk."""
        key = sorted(self.world.sends)[pick % len(self.world.sends)]
        if what == "drop":
            self.others.append(keeping.drop(self.world, key, pick))
        else:
            self.others.append(getattr(keeping, what)(self.world, key))

    @rule(wish=st.sampled_from(Wish), pick=PICK)
    def order(self, wish: Wish, pick: int) -> None:
        """A backend pauses, resumes or calls off a send; the workers hear of it later."""
        keeping.order(self.world, sorted(self.world.sends)[pick % len(self.world.sends)], wish)

    @rule(takes=st.integers(0, 4), steps=st.integers(1, 60), pick=PICK)
    def work(self, takes: int, steps: int, pick: int) -> None:
        """Any visible messages are taken, in any order, and whatever is at work goes on, turn by turn."""
        for number in range(takes):
            self._take(pick + number)
        for number in range(steps):
            self._step(pick + number)

    def _take(self, pick: int) -> None:
        visible = [one for one in self.world.bus if not one.handed and one.at <= self.world.now]
        awake = [one for one in self.processes if not one.frozen]
        if visible and awake:
            message, process = visible[pick % len(visible)], awake[pick % len(awake)]
            message.handed = True
            process.tasks.append((deliver(self.world, process, message), message))

    @rule(leap=LEAPS)
    def wait(self, leap: timedelta) -> None:
        """Time passes; whoever is awake keeps its claims, as far as they are its own still."""
        self.world.now += leap
        for process in self.processes:
            if not process.frozen:
                process.orders = dict(self.world.orders)
            for held in [] if process.frozen else process.table.all():
                live = self.world.claim(held.claim, process.name)
                held.lost = held.lost or live is None
                if live is not None:
                    live.until = held.until = self.world.now + LEASE

    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        """What it had in hand comes again; it is another process that starts in its place."""
        process = self.processes[which]
        self._excuse(process)
        for one in self.world.bus:
            if any(one is message for message in process.messages()):
                one.handed, one.redelivered = False, True
        self.processes[which] = Process()

    @precondition(lambda self: self.others)
    @rule(pick=PICK)
    def kill_another(self, pick: int) -> None:
        self.others.pop(pick % len(self.others))

    @rule(which=st.integers(0, 1), leap=LEAPS, pick=PICK)
    def overtake(self, which: int, leap: timedelta, pick: int) -> None:
        """One freezes, maybe past its claims; what it left is published again and worked; then it wakes up."""
        process = self.processes[which]
        process.frozen = True
        self._excuse(process)
        self.wait(leap)
        self.others += [keeping.sweep(self.world, key) for key in self.world.sends]
        for number in range(3):
            self.work(4, 60, pick + number)
        process.frozen = False

    @precondition(lambda self: self.world.bus)
    @rule(pick=PICK, what=st.sampled_from(["lose", "repeat"]))
    def harm(self, pick: int, what: str) -> None:
        """A message that is lost, or one that is there twice."""
        one = self.world.bus[pick % len(self.world.bus)]
        if what == "repeat":
            self.world.publish(*one.slices, at=one.at, alone=one.alone)
        elif not one.handed:
            self.world.bus.remove(one)

    @precondition(lambda self: len(self.world.bus) > 1)
    @rule()
    def join(self) -> None:
        """Small sends that come at the same time travel in one message."""
        joined = [one for one in self.world.bus if self._may_be_joined(one)]
        for other in joined[1:]:
            joined[0].slices += other.slices
            self.world.bus.remove(other)

    def _may_be_joined(self, one: Waiting) -> bool:
        small = all(self.world.sends[send_of(due.id)].small for due in one.slices)
        return small and not (one.handed or one.alone or one.redelivered) and one.at <= self.world.now

    @rule(pick=PICK)
    def change_registry(self, pick: int) -> None:
        """A device comes or goes."""
        variant = VARIANTS[pick % 2][0]
        known = self.world.registry[variant]
        if pick % 3 == 0:
            self.world.register(variant, f"late {pick}")
        elif known:
            del known[sorted(known)[pick % len(known)]]

    @invariant()
    def the_laws_hold(self) -> None:
        if not hasattr(self, "world"):
            return
        for key, send in self.world.sends.items():
            plan = self.world.plan(key)
            if plan is not None:
                lawful(self.world, key, plan)
            assert plan is not None or not self.world.parts(key)
            assert not [one for one in self.world.not_sent[key] if self.world.accepted[key][one]]
            twice = books.repeats(self.world.accepted[key])
            if send.request.duplicates is Duplicates.NEVER:
                assert twice == 0
            assert twice <= self.world.excused[key] + self.world.unanswered[key]

    def teardown(self) -> None:
        """The trouble ends, and the books close: every send, exactly."""
        if not hasattr(self, "world"):
            return
        for key in self.world.sends:
            keeping.order(self.world, key, Wish.RESUME)
        for _ in range(ROUNDS):
            if len(self.world.finals) == len(self.world.sends):
                break
            self._calm_round()
        self.the_laws_hold()
        assert set(self.world.finals) == set(self.world.sends)
        for final in self.world.finals.values():
            assert final.state == "finished"
            assert books.unclosed(final) == []

    def _step(self, pick: int) -> None:
        """One step of anything that can go on."""
        at_work = [one for process in self.processes if not process.frozen for one in process.tasks]
        able = len(self.others) + len(at_work)
        if not able:
            return
        number = pick % able
        if number < len(self.others):
            if _ended(self.others[number]):
                self.others.pop(number)
            return
        task = at_work[number - len(self.others)]
        if _ended(task[0]):
            for process in self.processes:
                process.tasks = [one for one in process.tasks if one is not task]

    def _calm_round(self) -> None:
        for number in range(300):
            self.work(4, 20, number)
            if not self.others and not any(process.tasks for process in self.processes):
                break
        for key in self.world.sends.keys() - self.world.finals.keys():
            self.others += [keeping.sweep(self.world, key), keeping.hear(self.world, key)]
        self.wait(timedelta(minutes=2))

    def _excuse(self, process: Process) -> None:
        for flight in process.flights:
            self.world.excused[flight.send] += flight.devices


def _ended(steps: Steps) -> bool:
    try:
        next(steps)
    except StopIteration:
        return True
    return False
