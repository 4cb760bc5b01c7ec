"""How much the routes of this process may carry at a time, as metrics."""

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
