"""Which spans the work on chunks has: one for each sampled send of a bundle, or chunk of a larger one. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from services.delivery.flight import Flight
from services.delivery.job import Job
from services.delivery.transport.contract import OK, Results
from shared.flow.identity import attempt_of
from shared.flow.verdict import Answer
from shared.runtime.tracing import Step, Traces, Value, brought


def chunks(jobs: Sequence[Job], headers: Iterable[Mapping[str, object]], *, again: bool) -> list[Step]:
    """A first attempt belongs to what released it. A retry belongs to the send, and is linked with the attempt before.

    `again`: some message was in somebody's hands before.
    """
    sampled = [one for one in jobs if one.send.trace]
    traces = brought(headers) if sampled else {}
    return [_chunk(one, traces.get(one.send.key), again=again) for one in sampled]


def _chunk(one: Job, before: str | None, *, again: bool) -> Step:
    said: dict[str, Value] = {
        "carillon.chunk": one.member,
        "carillon.platform": one.route.platform,
        "carillon.variant": one.route.variant,
        "carillon.attempt": attempt_of(one.member),
        "carillon.redelivered": again,
    }
    if one.parent is None or before is None:
        return Step(one.send.key, before or one.send.trace, attributes=said)
    return Step(one.send.key, one.send.trace, (before,), said)


def calls(flights: Iterable[Flight], traces: Traces) -> list[tuple[int, Step]]:
    """The provider calls of those flights, by their number, whose sends are sampled."""
    return [
        (number, Step(key, traces[key], attributes=_call(one)))
        for number, one in enumerate(flights)
        if (key := one.tally.job.send.key) in traces
    ]


def _call(one: Flight) -> dict[str, Value]:
    return {
        "server.address": one.origin.host,
        "server.port": one.origin.port,
        "http.request.method": "POST",
        "carillon.chunk": one.tally.job.member,
        "carillon.notifications": one.requests.count,
    }


def came_of(result: Results) -> dict[str, Value]:
    """What became of a call; the status of a single notification's."""
    said: dict[str, Value] = {
        "carillon.accepted": result.ok,
        "carillon.not_accepted": len(result.others),
        "carillon.unanswered": len(result.open),
    }
    if result.ok + len(result.others) == 1:
        outcome = result.others[0][1] if result.others else None
        if outcome is None or isinstance(outcome, Answer):
            said["http.response.status_code"] = OK if outcome is None else outcome.status
    return said
