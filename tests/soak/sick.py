"""The sick provider's process as the soak holds it: its port, clear weather, and its books at the end."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.sink import Certificate

PATIENCE: Final = 20
"""Seconds in which it says what it is asked."""


@dataclass(slots=True)
class FarEnd:
    """`met`, `connections` and `counts` are there when it has ended."""

    process: asyncio.subprocess.Process
    port: int = 0
    met: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    counts: bytes = b""

    def clear(self) -> None:
        """Fine weather from now on."""
        self.process.send_signal(signal.SIGUSR1)

    async def line(self) -> dict[str, Any]:
        """What it says next."""
        if self.process.stdout is None:
            raise ValueError("its output is not for us")
        async with asyncio.timeout(PATIENCE):
            told: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return told


@asynccontextmanager
async def sick(certificate: Certificate, seed: int, size: int, place: Path) -> AsyncIterator[FarEnd]:
    """Runs for as long as the block does; `size` is how many requests it has books for."""
    books = place / "counts"
    given = map(str, (certificate.certificate, certificate.key, seed, size, books))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.soak.far_end", *given, stdout=asyncio.subprocess.PIPE
    )
    far_end = FarEnd(process)
    try:
        far_end.port = (await far_end.line())["port"]
        yield far_end
        process.terminate()
        told = await far_end.line()
        far_end.met, far_end.connections, far_end.counts = told["met"], told["connections"], books.read_bytes()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
