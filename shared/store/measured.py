"""How long the store takes for each operation, told by the driver itself: nothing in front of a collection."""

from prometheus_client import Histogram
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from shared.runtime.metrics import Metrics


class Measured(CommandListener):
    """Lives as long as the client. The driver's commands are few, so they are labels as they are."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._seconds: dict[str, Histogram] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Nothing yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """An answer came; it may be a refusal of what was written."""
        name = event.command_name
        seconds = self._seconds.get(name)
        if seconds is None:
            seconds = self._seconds[name] = self._metrics.store_seconds.labels(name)
        seconds.observe(event.duration_micros / 1e6)

    def failed(self, event: CommandFailedEvent) -> None:
        """None came, or an error."""
        self._metrics.store_failures.labels(event.command_name).inc()
