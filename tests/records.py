"""Builds the records of whole sends with random fates, for tests of whatever adds them up."""

import random
from datetime import UTC, datetime, timedelta

from shared.flow.identity import member_id, retry_slice_id
from shared.flow.lane import Lane
from shared.flow.plan import Plan, PlannedRoute
from shared.flow.record import LATENCY_BOUNDS, Count, Owed, Part
from shared.flow.verdict import Fate

NOW = datetime(2030, 1, 1, tzinfo=UTC)
VARIANTS = (("v1", "apns"), ("v2", "fcm"))


def plan_with(chunks: list[int]) -> Plan:
    routes = tuple(
        PlannedRoute(variant=variant, platform=platform, bounds=tuple(range(n + 1)), chunks=(1,) * n)
        for (variant, platform), n in zip(VARIANTS, chunks, strict=True)
    )
    deadline = NOW + timedelta(hours=1)
    return Plan(key="app.send", app="app", lane=Lane.BULK, accepted_at=NOW, deadline=deadline, routes=routes)


def part(member: str, route: int, matched: int, rng: random.Random, *, owes: bool) -> Part:
    """A chunk whose devices met random fates; some are owed another attempt."""
    left, counts = matched, []
    for fate in (Fate.REJECTED, Fate.UNREGISTERED, Fate.EXPIRED, Fate.FAILED, Fate.SUPPRESSED):
        n = rng.randint(0, left // 2)
        if n:
            counts.append(Count(fate=fate, reason="why", n=n))
            left -= n
    owed = rng.randint(1, left) if owes and left else 0
    if left - owed:
        counts.append(Count(fate=Fate.DELIVERED, n=left - owed))
    debts = (Owed(step=0, due=NOW, reason="503", devices=tuple(bytes([i % 256]) * 12 for i in range(owed))),)
    histogram = tuple(rng.randint(0, 9) for _ in range(len(LATENCY_BOUNDS) + 1))
    return Part(
        member=member,
        send="app.send",
        app="app",
        variant=VARIANTS[route][0],
        platform=VARIANTS[route][1],
        matched=matched,
        counts=tuple(counts),
        owed=debts if owed else (),
        looked_up_at=NOW,
        latency=histogram if rng.random() < 0.8 else (),
        last_answer_at=NOW + timedelta(seconds=rng.randint(0, 9)),
    )


def everything(chunks: list[int], seed: int) -> list[Part]:
    """All records of a send that is over: every planned chunk and every retry that one names."""
    rng = random.Random(seed)
    parts: list[Part] = []
    for one in plan_with(chunks).slices():
        route = int(one.id.split(".")[2])
        parts.append(part(one.members()[0], route, rng.randint(0, 40), rng, owes=True))
        while parts[-1].owed:
            debt = parts[-1].owed[0]
            member = member_id(retry_slice_id(parts[-1].member, debt.step), 0)
            deeper = member.count("~") < 4
            parts.append(part(member, route, len(debt.devices), rng, owes=deeper))
    return parts
