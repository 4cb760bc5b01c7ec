"""(i): devices by the thousand, in by `carillon devices import`, in once more, and out, with all services beside it.

A device says its user, one or two tags, locale, zone and version; nothing of it is known before. The store has as much
memory as `carillon up` gives it on a machine of 16 GB.
"""

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Final

from services.cli.local.mongod import CACHE_GB_MOST
from tests.bench import whole
from tests.bench.figures import FOLDER, Figure, MeasureError, Outcome, Table
from tests.bench.seeding import Tenant
from tests.bench.usage import watching
from tests.bench.whole import Whole

FULL: Final = 200_000
QUICK: Final = 10_000
NEEDED: Final = "mongod", "ingest"
COUNTS: Final = re.compile(r"([\d,]+) created, ([\d,]+) updated, 0 refused, 0 skipped")


def measure(lines: int) -> Outcome:
    """Its own broker and store; what is imported is checked by what the command counts."""
    with whole.running(memory_gb=CACHE_GB_MOST) as running:
        tenant = running.tenant("import", 0)
        given, out = FOLDER / f"import-{os.getpid()}.ndjson", FOLDER / f"export-{os.getpid()}.ndjson"
        try:
            _write(given, tenant.variant, lines)
            with running.services():
                new = _timed(running, tenant, lines, "import", given, (lines, 0))
                again = _timed(running, tenant, lines, "import", given, (0, lines))
                back = _timed(running, tenant, lines, "export", out, None)
            if sum(1 for _ in out.open("rb")) != lines:
                raise MeasureError("the export has not as many lines as were imported")
        finally:
            given.unlink(missing_ok=True)
            out.unlink(missing_ok=True)
    rows = [[name, f"{rate:,.0f}", *cpu] for name, (rate, cpu) in (("new", new), ("again", again), ("out", back))]
    figures: dict[str, Figure] = {
        "import_per_s": round(new[0]),
        "import_again_per_s": round(again[0]),
        "export_per_s": round(back[0]),
    }
    head = ("(i) devices", "per second", *(f"{name}, CPU µs each" for name in (*NEEDED, "command")))
    return Outcome(figures, [Table(f"{lines:,} devices in and out by the command", head, rows)])


def _write(file: Path, variant: str, lines: int) -> None:
    with file.open("w", encoding="utf-8") as out:
        for n in range(lines):
            device = {
                "variant": variant, "token": token_hex(32), "user": f"u{n}", "locale": "de-AT", "zone": "Europe/Berlin",
                "tags": ["news"] if n % 3 else ["news", "vip"], "app_version": f"2.{n % 12}",
            }  # fmt: skip
            out.write(json.dumps(device) + "\n")


def _timed(
    running: Whole, tenant: Tenant, lines: int, what: str, file: Path, counts: tuple[int, int] | None
) -> tuple[float, list[str]]:
    environment = {**os.environ, "CARILLON_URL": running.fleet.api, "CARILLON_APP_SECRET": tenant.secret}
    command = [sys.executable, "-m", "services.cli", "devices", what, str(file)]
    pids = {name: pid for name, pid in running.pids().items() if name in NEEDED}
    before, began = _waited_for(), time.perf_counter()
    with watching(pids) as usage:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
        took = time.perf_counter() - began
    if done.returncode or (counts is not None and _counted(done.stdout) != counts):
        raise MeasureError(f"{what} of {lines:,}: {done.stdout.strip()} {done.stderr.strip()[-300:]}")
    cpu: Mapping[str, float] = {**usage.cpu_seconds, "command": _waited_for() - before}
    return lines / took, [f"{cpu[name] / lines * 1e6:.1f}" for name in (*NEEDED, "command")]


def _counted(said: str) -> tuple[int, int] | None:
    found = COUNTS.search(said)
    return (int(found[1].replace(",", "")), int(found[2].replace(",", ""))) if found else None


def _waited_for() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
