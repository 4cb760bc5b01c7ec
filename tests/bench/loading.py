"""Requests from load.c to ingest, and when what they asked for came to the provider."""

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from services.cli.local.owned import wait_until
from tests.bench.figures import MeasureError, folder, percentile
from tests.bench.installed import compiled
from tests.bench.processes import run
from tests.bench.seeding import Tenant
from tests.bench.sink import Knobs, Sink, token_hash
from tests.bench.whole import Whole
from tests.bench.work import MESSAGE

CONNECTIONS: Final = 64
LIMIT: Final = timedelta(seconds=90)
"""For one run of the load generator."""
ARRIVE_WITHIN: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Load:
    """One run of the load generator whose every send arrived once: milliseconds from request to provider."""

    said: dict[str, Any]
    meant: Sequence[int]
    ms: Sequence[float]
    seconds: float
    """From the first request to the last arrival."""

    def p(self, share: float) -> float:
        return percentile(self.ms, share)


def loaded(on: Whole, single: Tenant, first: int, count: int, rate: float = 0) -> Load:
    """Sends to users `first` and following, with a sink of its own."""
    with on.sink(kept()) as far:
        said, meant = load(on, single, first, count, rate)
        return matched(said, meant, single, first, await_all(far, single, first, count))


def kept() -> Knobs:
    return Knobs(arrivals=folder("arrivals") / "times")


def load(on: Whole, single: Tenant, first: int, count: int, rate: float = 0) -> tuple[dict[str, Any], Sequence[int]]:
    """Runs the generator: what it said, and the moment that each request was for. Raises if any was not accepted."""
    times = folder("load") / "times"
    argv = [str(compiled("load")), "--port", str(on.fleet.processes["ingest"].port), "--total", str(count)]
    argv += ["--request", str(_request(on, single)), "--connections", str(CONNECTIONS), "--first", str(first)]
    argv += ["--rate", str(rate), "--seconds", str(LIMIT.total_seconds()), "--times", str(times)]
    said = run(argv, LIMIT + ARRIVE_WITHIN).json()
    if said["accepted"] != count:
        raise MeasureError(f"not every request was accepted: {said}")
    return said, array("Q", times.read_bytes())[0::2]


def _request(on: Whole, single: Tenant) -> Path:
    """The request as a backend writes it; the generator puts the number of the user where the @ are."""
    body = json.dumps(
        {"audience": {"users": ["u@@@@@@@"]}, "message": MESSAGE.model_dump(mode="json", exclude_unset=True)}
    ).encode()
    head = (
        f"POST /v1/sends HTTP/1.1\r\nHost: {on.fleet.api.removeprefix('http://')}\r\n"
        f"Authorization: Bearer {single.secret}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    file = folder("load") / "request"
    file.touch(mode=0o600)
    file.write_bytes(head.encode() + body)
    return file


def await_all(far: Sink, single: Tenant, first: int, count: int) -> dict[int, int]:
    """The arrivals, once each of these users' devices has its own. Raises if one is still missing after a while."""
    wanted = {token_hash(single.token(number)) for number in range(first, first + count)}
    arrivals: dict[int, int] = {}

    def all_there() -> bool:
        nonlocal arrivals
        if far.counts()["distinct_tokens"] < count:
            return False
        arrivals = far.arrivals()
        return wanted <= arrivals.keys()

    if not wait_until(all_there, ARRIVE_WITHIN):
        raise MeasureError(f"{len(wanted - arrivals.keys())} of {count} accepted sends never came")
    return arrivals


def matched(
    said: dict[str, Any], meant: Sequence[int], single: Tenant, first: int, arrivals: Mapping[int, int]
) -> Load:
    came = [arrivals[token_hash(single.token(first + n))] for n in range(len(meant))]
    ms = [(at - moment) / 1e6 for at, moment in zip(came, meant, strict=True)]
    return Load(said, meant, ms, (max(came) - min(meant)) / 1e9)
