"""One run of one client against one far end, each on a core of its own; it counts only if both ends say the same.

The far end counts requests, 200s and distinct tokens; with failures on, refused and unavailable ones too.
"""

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from services.cli.rehearsal.keys import apple_key
from shared.flow.plan import CHUNK_SIZE
from tests.bench import h2load, nginx, sink
from tests.bench.figures import MeasureError
from tests.bench.h2load import URIS
from tests.bench.machine import cores
from tests.bench.processes import pinned, run
from tests.bench.sink import Certificate, Knobs
from tests.bench.work import Campaign

LIMIT: Final = timedelta(seconds=120)
"""For one run of one client."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run that counts."""

    count: int
    seconds: float
    cpu_seconds: float

    @property
    def per_s(self) -> float:
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / self.count * 1e6


def python_run(
    certificate: Certificate,
    address: str | None,
    client: str,
    count: int,
    *,
    own: bool = True,
    knobs: Knobs = Knobs(),  # noqa: B008  # frozen
) -> Run:
    """One run of one of our clients, checked against the sink's count."""
    ours, theirs = cores()
    if address is not None:
        return checked(_child(certificate, address, client, count, ours, own=own), count)
    with sink.running(certificate, knobs, theirs) as far:
        said = _child(certificate, f"127.0.0.1:{far.port}", client, count, ours, own=own)
        return checked(said, count, far.counts())


def _child(certificate: Certificate, address: str, client: str, count: int, core: int, *, own: bool) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.bench.client", client, "--address", address, "--count", str(count)]
    argv += ["--ca", str(certificate.ca), "--core", str(core), *([] if own else ["--same"])]
    return run(pinned(core, argv), LIMIT).json()


def checked(said: dict[str, Any], count: int, counted: dict[str, Any] | None = None) -> Run:
    """Raises MeasureError where two counts differ."""
    fates, warmed = said["fates"], said["warmed"]
    ended = {name: fates.get(name, 0) + warmed.get(name, 0) for name in ("delivered", "unregistered", "owed")}
    everything = count + CHUNK_SIZE
    if counted is None:
        counted = {"ok": everything, "gone": 0, "unavailable": 0, "distinct_tokens": everything, "requests": everything}
    agreed = (
        ended["delivered"] == counted["ok"]
        and ended["unregistered"] == counted["gone"]
        and ended["owed"] == counted["unavailable"]
        and sum(ended.values()) == counted["requests"] == counted["distinct_tokens"] == everything
        and fates.get("in_histogram", count) == count
    )
    if not agreed:
        raise MeasureError(f"the books do not close: {said} against {counted}")
    return Run(count, said["seconds"], said["cpu_seconds"])


def h2load_run(certificate: Certificate, address: str | None, count: int) -> Run:
    ours, theirs = cores()
    campaign = Campaign(apple_key())
    if address is not None:
        loaded = h2load.load(address, count, ours, LIMIT, campaign)
        counted = {"ok": loaded.ok, "distinct_tokens": URIS}
    else:
        with sink.running(certificate, core=theirs) as far:
            loaded = h2load.load(f"127.0.0.1:{far.port}", count, ours, LIMIT, campaign)
            counted = far.counts()
    if not (loaded.ok == counted["ok"] == count and counted["distinct_tokens"] == URIS):
        raise MeasureError(f"the books do not close: {loaded} against {counted}")
    return Run(count, loaded.seconds, loaded.cpu_seconds)


def nginx_run(certificate: Certificate, count: int, client: str) -> Run:
    """A second opinion on the far end: its own count of requests is all that it keeps."""
    ours, theirs = cores()
    with nginx.running(certificate, theirs) as far:
        before = far.requests()
        if client == "h2load":
            loaded = h2load.load(far.address, count, ours, LIMIT, Campaign(apple_key()))
            found, sent = Run(count, loaded.seconds, loaded.cpu_seconds), loaded.ok
        else:
            said = _child(certificate, far.address, client, count, ours, own=True)
            found, sent = checked(said, count), count + CHUNK_SIZE
        counted = far.requests() - before - 1  # the second look itself
    if counted != sent:
        raise MeasureError(f"nginx counted {counted} requests, {client} {sent}")
    return found
