"""(h): what the outcomes of 10 million devices take: bytes in the store, time to fold records and to read the report.

The results are generated, 500 devices a chunk, and written, folded and read by the product's own code: 96 % delivered
at once, 1 % at once or (of every fifth chunk) at a second attempt, 1 % dead, 1 % refused, 1 % left out. All have
receipts, those of Firebase.
"""

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from os import getpid
from secrets import token_bytes, token_hex
from statistics import median
from typing import Any, Final

from services.cli.local.mongod import LocalStore
from shared.flow.books import unclosed
from shared.flow.identity import member_id, retry_slice_id
from shared.flow.lane import Lane
from shared.flow.plan import Plan, PlannedRoute
from shared.flow.receipt import DEVICE, Receipts, Received
from shared.flow.record import LATENCY_BOUNDS, Count, Owed, Part, Record, Undelivered
from shared.flow.report import Report, Sum, report
from shared.flow.verdict import Fate
from shared.full_reports import line_of, of_records
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from tests.bench.figures import FOLDER, MeasureError, Outcome, Table

FULL: Final = 10_000_000
QUICK: Final = 200_000
CHUNK: Final = 500
SLICE: Final = 10
"""Chunks of one slice."""
OWING: Final = 5
"""Of so many chunks of a slice one owes a second attempt."""
FEW: Final = 5
"""Of each chunk: dead, refused, and owed a second attempt; and as many left out."""
AT_ONCE: Final = 64
LOOKS: Final = 20
ACCEPTED: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
LASTED: Final = timedelta(minutes=3)
HISTOGRAM: Final = tuple(CHUNK // 4 if n in (3, 4, 5) else 0 for n in range(len(LATENCY_BOUNDS) + 1))
VARIANTS: Final = (("bench-ios", "apns"), ("bench-android", "fcm"))
microseconds = count(1_893_499_200_000_000, 977)


def measure(devices: int) -> Outcome:
    """Its own store, which goes with its data."""
    return asyncio.run(_measure(devices))


async def _measure(devices: int) -> Outcome:
    async with _store() as store:
        began = time.perf_counter()
        plan, members = await _sent(store, devices)
        wrote = time.perf_counter() - began
        folded, fold_s = await _timed(lambda: _folded(store, plan))
        await store.reports.told(plan.key, folded)
        _, read_ms = await _often(lambda: store.reports.full(plan.key))
        _, state_ms = await _often(lambda: store.reports.get(plan.key))
        _, receipt_ms = await _often(lambda: store.receipts.in_chunks([random.choice(members)]))
        await store.database.client.admin.command("fsync")
        sizes = {name: await _megabytes(store, name) for name in ("records", "receipts", "reports")}
    rows = [
        ["records in the store", f"{sizes['records']:.1f} MB"], ["receipts of all", f"{sizes['receipts']:.1f} MB"],
        ["report in the store", f"{sizes['reports'] * 1000:.0f} kB"], ["to write all of it", f"{wrote:.0f} s"],
        ["to fold the records", f"{fold_s:.2f} s"], ["to read the full report", f"{read_ms:.1f} ms"],
        ["to read state and counts", f"{state_ms:.1f} ms"], ["to read one device's receipt", f"{receipt_ms:.1f} ms"],
    ]  # fmt: skip
    return Outcome(
        {
            "report_10m_devices": devices, "report_10m_store_mb": round(sizes["records"] + sizes["reports"], 1),
            "receipts_10m_mb": round(sizes["receipts"], 1), "report_10m_fold_s": round(fold_s, 3),
            "report_10m_read_ms": round(read_ms, 2), "receipt_10m_read_ms": round(receipt_ms, 2),
        },
        [Table(f"Outcomes of {devices:,} devices", ("(h) what", "takes"), rows)],
    )  # fmt: skip


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    folder = FOLDER / "outcomes" / str(getpid())
    server = LocalStore(folder)
    try:
        await asyncio.to_thread(server.start)
        async with open_store(server.url, "bench", open_keyring(folder / "keyring")) as store:
            await store.ensure()
            yield store
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


async def _sent(store: Store, devices: int) -> tuple[Plan, list[str]]:
    """A send that is over, as delivery leaves it: plan, records, receipts. With its first-attempt chunks."""
    chunks = devices // CHUNK // len(VARIANTS)
    routes = tuple(
        PlannedRoute(
            variant=variant, platform=platform, bounds=tuple(range(-(-chunks // SLICE) + 1)),
            chunks=tuple(min(SLICE, chunks - start) for start in range(0, chunks, SLICE)),
        )
        for variant, platform in VARIANTS
    )  # fmt: skip
    plan = Plan(
        key="bench.send0001", app="bench", lane=Lane.BULK, accepted_at=ACCEPTED,
        deadline=ACCEPTED + timedelta(days=1), routes=routes,
    )  # fmt: skip
    await store.plans.insert(plan)
    parts = _parts(plan)
    while some := list(islice(parts, AT_ONCE)):
        await asyncio.gather(*(_recorded(store, part) for part in some))
    return plan, [member for one in plan.slices() for member in one.members()]


def _parts(plan: Plan) -> Iterator[Part]:
    for number, one in enumerate(plan.slices()):
        for chunk, member in enumerate(one.members()):
            at = ACCEPTED + LASTED * (number * SLICE / plan.chunks)
            owes = chunk % OWING == 0
            first = _first(plan, member, (one.variant, one.platform), at, owes=owes)
            yield first
            if owes:
                yield _second(first, at + timedelta(seconds=5))


def _first(plan: Plan, member: str, where: tuple[str, str], at: datetime, *, owes: bool) -> Part:
    devices = _devices(CHUNK)
    dead, refused, left_out, again = (devices[n : n + FEW] for n in range(0, 4 * FEW, FEW))
    delivered = devices[4 * FEW if owes else 3 * FEW :]
    counts = {
        (Fate.DELIVERED, ""): len(delivered), (Fate.UNREGISTERED, "Unregistered"): FEW,
        (Fate.REJECTED, "BadDeviceToken"): FEW, (Fate.SUPPRESSED, "excluded"): FEW,
    }  # fmt: skip
    gone = [Undelivered(device=one, fate=Fate.UNREGISTERED, reason="Unregistered", since=at) for one in dead]
    gone += [Undelivered(device=one, fate=Fate.REJECTED, reason="BadDeviceToken", suspect=True) for one in refused]
    gone += [Undelivered(device=one, fate=Fate.SUPPRESSED, reason="excluded") for one in left_out]
    owed = Owed(step=0, due=at + timedelta(seconds=4), reason="ServiceUnavailable", devices=tuple(again))
    return Part(
        member=member, send=plan.key, app=plan.app, variant=where[0], platform=where[1], matched=CHUNK,
        counts=tuple(Count(fate=fate, reason=reason, n=n) for (fate, reason), n in counts.items()),
        undelivered=tuple(gone), owed=(owed,) if owes else (), latency=HISTOGRAM, looked_up_at=at, lane=plan.lane,
        first_answer_at=at, last_answer_at=at + timedelta(seconds=1), accepted_at=plan.accepted_at,
        receipts=_receipts(delivered, member, plan.key, at),
    )  # fmt: skip


def _second(first: Part, at: datetime) -> Part:
    """The second attempt at those that are owed one: all are delivered to."""
    member, devices = member_id(retry_slice_id(first.member, 0), 0), first.owed[0].devices
    change = {
        "member": member, "matched": FEW, "counts": (Count(fate=Fate.DELIVERED, n=FEW),), "undelivered": (),
        "owed": (), "looked_up_at": at, "first_answer_at": at, "last_answer_at": at,
        "receipts": _receipts(devices, member, first.send, at),
    }  # fmt: skip
    return first.model_copy(update=change)


def _devices(many: int) -> list[bytes]:
    drawn = token_bytes(DEVICE * many)
    return [drawn[n : n + DEVICE] for n in range(0, DEVICE * many, DEVICE)]


def _receipts(devices: Sequence[bytes], member: str, send: str, at: datetime) -> Receipts | None:
    received, drawn = Received(), token_hex(8 * len(devices))
    names = [
        f"projects/bench/messages/0:{next(microseconds)}%{drawn[16 * n : 16 * n + 16]}".encode()
        for n in range(len(devices))
    ]
    received.add(devices, names, at)
    return received.receipts(member, send)


async def _recorded(store: Store, part: Part) -> None:
    by = token_hex(8)
    await store.receipts.insert(part.member, by, part.looked_up_at, [part.receipts] if part.receipts else [])
    await store.records.insert(Record(id=part.member, by=by, at=part.looked_up_at, parts=(part,)))


async def _folded(store: Store, plan: Plan) -> Any:
    """As the reporter does with the last of them: the sum, the report, and the full one."""
    now = ACCEPTED + 2 * LASTED
    recorded = await store.records.sum(plan.key)
    counted = _checked(report(plan, recorded, finished_at=now), recorded, plan)
    await store.reports.write(plan.key, counted, now)
    return await of_records(store, plan.key, line_of(plan), counted, recorded, now)


def _checked(counted: Report, recorded: Sum, plan: Plan) -> Report:
    delivered = plan.chunks * (CHUNK - 3 * FEW)
    if counted.state != "finished" or unclosed(counted) or counted.total.delivered != delivered:
        raise MeasureError(f"the books of {recorded.chunks:,} chunks do not close: {counted.total}")
    return counted


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = await work()
    return found, time.perf_counter() - began


async def _often(work: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
    """Milliseconds, the median of some."""
    times = [await _timed(work) for _ in range(LOOKS)]
    return times[-1][0], median(took for _, took in times) * 1000


async def _megabytes(store: Store, name: str) -> float:
    stats = await store.database.command({"collStats": name})
    return float(stats["storageSize"] + stats["totalIndexSize"]) / 1e6
