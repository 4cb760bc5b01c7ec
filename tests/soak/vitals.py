"""Memory, tasks, files and streams of this process, and how many of them there are when there is nothing to do."""

import asyncio
import gc
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.delivery.http2.engine import Engine

PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Vitals:
    """At one moment."""

    rss_mb: float
    tasks: int
    files: int
    connections: int = 0
    streams: int = 0
    """Requests without an outcome."""
    held: int = 0
    """What connections and pools keep beside: begun answers, blocked bodies, deadlines, waiting batches."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing is kept for requests that have ended."""
        return not self.streams and not self.held

    def __str__(self) -> str:
        return (
            f"rss {self.rss_mb:6.1f} MB   tasks {self.tasks:3}   files {self.files:3}   "
            f"connections {self.connections:2}   streams {self.streams:5}   held {self.held:5}"
        )


def vitals(engine: Engine | None = None) -> Vitals:
    """Now, after a collection."""
    gc.collect()
    pools = list(engine._pools.values()) if engine is not None else []
    connections = [link.connection for pool in pools for link in pool._links]
    held = sum(len(one._answers.partial) + len(one._outbound.blocked) for one in connections)
    held += sum(len(one._streams._due) for one in connections) + sum(len(pool._given_at) for pool in pools)
    return Vitals(
        int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB,
        len(asyncio.all_tasks()),
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # Path has no cheaper way to count
        len(connections),
        sum(one.in_flight for one in connections),
        held,
    )
