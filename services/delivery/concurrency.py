"""What the engine does, as metrics: how much its routes may carry at a time, and the connections that carry it."""

from dataclasses import dataclass

from shared.runtime.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Told by the engine. Lives as long as the process."""

    platform: str
    metrics: Metrics

    def lowered(self, why: str) -> None:
        """One route's limit was."""
        self.metrics.concurrency_lowered.labels(self.platform, why).inc()

    def lowest(self, limit: int | None) -> None:
        """The limit of the route that is doing worst."""
        self.metrics.concurrency_limit.labels(self.platform).set(limit or 0)

    def connected(self, *, fine: bool) -> None:
        """A connection was tried."""
        self.metrics.connects.labels(self.platform, "opened" if fine else "failed").inc()

    def goaway(self, code: str) -> None:
        """A provider asked us to leave a connection; codes that the standard does not have are one."""
        self.metrics.goaways.labels(self.platform, "unknown" if code.startswith("code_") else code).inc()

    def open(self, connections: int, in_use: int, allowed: int) -> None:
        """The connections that are open, with the requests that they carry and would carry."""
        self.metrics.connections.labels(self.platform).set(connections)
        self.metrics.streams_in_use.labels(self.platform).set(in_use)
        self.metrics.streams_allowed.labels(self.platform).set(allowed)
