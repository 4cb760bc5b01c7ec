"""The machine under the bench: its processor, its cores, how fast its disk makes things durable."""

import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.figures import Figure, percentile

FSYNCS: Final = 300
BLOCK: Final = 4096


def about() -> dict[str, Figure]:
    """When and on what a run was."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def cores() -> tuple[int, int]:
    """One for the client and one for the sink; the same one twice where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def fsync_ms(folder: Path) -> tuple[float, float]:
    """Median and 99th percentile of making 4 KiB durable in this folder, milliseconds."""
    place = folder / "fsync"
    spans = []
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(FSYNCS):
            os.write(handle, b"\0" * BLOCK)
            began = time.perf_counter()
            os.fdatasync(handle)
            spans.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
        place.unlink()
    return percentile(spans, 0.5), percentile(spans, 0.99)
