"""(b): the whole pipeline, from the request to the finished report, and what each process used for it.

Once with the same message for all, once with a message of each device's own; each with a broker and a store anew.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from services.cli.api import Api, Status, open_api
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.report import Report
from shared.flow.send import SendRequest
from tests.bench import personal, profiling, whole
from tests.bench.figures import MeasureError, Outcome, Table, folder
from tests.bench.seeding import Tenant
from tests.bench.sink import Knobs, Sink
from tests.bench.usage import Usage, watching
from tests.bench.whole import DELIVERY, Whole
from tests.bench.work import MESSAGE

LIMIT: Final = timedelta(minutes=10)
"""For one broadcast; one that takes longer did not finish."""
EVERY: Final = timedelta(milliseconds=500)
"""Between two looks at the report: each costs a sum."""
FULL: Final = 1_000_000
QUICK: Final = 50_000
WARM: Final = 5000
SAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast whose books close."""

    count: int
    report: Report
    usage: Usage
    wall_seconds: float

    @property
    def seconds(self) -> float:
        """From the request to the final report, by the store's clock."""
        return _span(self.report.accepted_at, self.report.finished_at)

    @property
    def per_s(self) -> float:
        return self.count / self.seconds

    @property
    def settling_seconds(self) -> float:
        """From the last answer to the final report."""
        return _span(self.report.last_answer_at, self.report.finished_at)

    def cpu_us(self, name: str) -> float:
        """CPU of one process for each notification."""
        return self.usage.cpu_seconds[name] / self.count * 1e6


def measure(count: int, extra: Mapping[str, str] | None = None, *, profile: bool = False) -> Outcome:
    """A broadcast to so many devices, after a small one that makes everything warm. `profile`: see `profiling`."""
    outcome = _measured(count, extra, personalised=False, profile=profile)
    outcome.add(_measured(count, extra, personalised=True, profile=profile))
    return outcome


def _measured(count: int, extra: Mapping[str, str] | None, *, personalised: bool, profile: bool) -> Outcome:
    samples = folder("samples") / ("own-bodies" if personalised else "bodies")
    message, attributes = (personal.MESSAGE, personal.attributes) if personalised else (MESSAGE, None)
    with whole.running(extra) as on:
        warm, everyone = on.tenant("warm", WARM, attributes), on.tenant("everyone", count, attributes)
        with on.services():
            with on.sink() as far:
                broadcast(on, warm, WARM, far, message)
            with on.sink(Knobs(samples=samples, sample_every=max(1, count // SAMPLES))) as far:
                with profiling.of(_python(on) if profile else {}) as seen:
                    found = broadcast(on, everyone, count, far, message)
                far.counts()
    if personalised:
        outcome = _own_outcome(found, personal.compared(samples, everyone, count))
    else:
        outcome = _outcome(found, _sampled(samples))
    for name, one in seen.items():
        outcome.tables += profiling.tables(name, one, found.cpu_us(name))
    return outcome


def _python(on: Whole) -> dict[str, int]:
    return {name: pid for name, pid in on.pids().items() if name in on.fleet.processes}


def broadcast(on: Whole, to: Tenant, count: int, far: Sink, message: Message = MESSAGE, **said: str) -> Broadcast:
    """To everyone of this tenant; `said`: more of the send.

    Raises MeasureError unless report, sink and registry say the same number.
    """
    began = time.monotonic()
    with watching({**on.pids(), "sink": far.pid}) as usage:
        status = asyncio.run(_send(on, to, message, said))
    found = Broadcast(count, status.report, usage, time.monotonic() - began)
    counted, total = far.counts(), status.report.total
    if not (count == total.planned == total.delivered == counted["ok"] == counted["distinct_tokens"]):
        raise MeasureError(f"the books do not close: {total} against {counted}")
    if counted["requests"] != count:
        raise MeasureError(f"{counted['requests'] - count} requests were made twice")
    return found


async def _send(on: Whole, to: Tenant, message: Message, said: Mapping[str, str]) -> Status:
    async with open_api(on.fleet.api, to.secret) as api:
        send = await api.send(SendRequest(audience=Audience(everyone=True), message=message, **dict[str, Any](said)))
        try:
            async with asyncio.timeout(LIMIT.total_seconds()):
                return await _finished(api, send)
        except TimeoutError as error:
            status = await api.status(send)
            raise MeasureError(f"not finished after {LIMIT}: {status.report.total}") from error


async def _finished(api: Api, send: str) -> Status:
    while True:
        status = await api.status(send)
        if status.state == "finished" and status.report.finished_at is not None:
            return status
        await asyncio.sleep(EVERY.total_seconds())


def _sampled(file: Path) -> int:
    """How many of the sampled payloads say exactly the message; every one must."""
    expected: dict[str, Any] = {"title": MESSAGE.title, "body": MESSAGE.body}
    lines = [line for line in file.read_bytes().split(b"\n") if line]
    for line in lines:
        payload = json.loads(line.partition(b"\t")[2])
        if payload["aps"]["alert"] != expected or payload["campaign"] != MESSAGE.data["campaign"]:
            raise MeasureError(f"a payload is not the message: {payload}")
    if not lines:
        raise MeasureError("no payload was sampled")
    return len(lines)


def _outcome(found: Broadcast, sampled: int) -> Outcome:
    report = found.report
    outcome = Outcome(
        {
            "pipeline_devices": found.count,
            "pipeline_per_s": round(found.per_s),
            "pipeline_seconds": round(found.seconds, 2),
            "pipeline_delivery_cpu_us": round(found.cpu_us(DELIVERY), 2),
            "pipeline_delivery_peak_mb": round(found.usage.peak_mb[DELIVERY], 1),
            "last_answer_to_finished_s": round(found.settling_seconds, 3),
            "pipeline_payloads_compared": sampled,
        }
    )
    spans = [
        ("request → first answer", _span(report.accepted_at, report.first_answer_at)),
        ("first answer → last answer", _span(report.first_answer_at, report.last_answer_at)),
        ("last answer → finished", found.settling_seconds),
    ]
    title = f"(b) {found.count:,} devices, {found.per_s:,.0f} a second from the request to the finished report"
    outcome.tables.append(Table(title, ("from → to", "time"), [[name, f"{seconds:.2f} s"] for name, seconds in spans]))
    outcome.tables.append(Table("(b) what each process used", ("process", "CPU", "µs each", "peak MB"), used(found)))
    return outcome


def _own_outcome(found: Broadcast, compared: int) -> Outcome:
    outcome = Outcome(
        {
            "personalised_devices": found.count,
            "personalised_per_s": round(found.per_s),
            "personalised_delivery_cpu_us": round(found.cpu_us(DELIVERY), 2),
            "personalised_delivery_peak_mb": round(found.usage.peak_mb[DELIVERY], 1),
            "personalised_payloads_compared": compared,
        }
    )
    title = f"(b) personalised: {found.count:,} devices, {found.per_s:,.0f} a second; what each process used"
    outcome.tables.append(Table(title, ("process", "CPU", "µs each", "peak MB"), used(found)))
    return outcome


def used(found: Broadcast) -> list[list[str]]:
    """A row for each process, the one that used most first, and what nobody used."""
    usage = found.usage
    by_use = sorted(usage.cpu_seconds, key=lambda name: -usage.cpu_seconds[name])
    rows = [
        [name, f"{usage.cpu_seconds[name]:.2f} s", f"{found.cpu_us(name):.1f}", f"{usage.peak_mb[name]:.0f}"]
        for name in by_use
    ]
    idle = found.wall_seconds * (os.cpu_count() or 1) - sum(usage.cpu_seconds.values())
    return [*rows, ["nobody of these", f"{idle:.2f} s", f"{idle / found.count * 1e6:.1f}", ""]]


def _span(one: Any, other: Any) -> float:
    if one is None or other is None:
        raise MeasureError("the report lacks a time")
    seconds: float = (other - one).total_seconds()
    return seconds
