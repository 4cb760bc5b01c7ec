"""Says aloud what only an operator can mend: credentials that a provider refuses; once a minute, not per device."""

import time
from typing import Final

import structlog

from shared.providers.known_reasons import label
from shared.runtime.metrics import Metrics

QUIET: Final = 60.0
"""Seconds between two warnings of the same variant and reason."""
REMEMBERED: Final = 10_000

log = structlog.get_logger()


class Troubles:
    """Lives as long as the process; shared by all its chunks."""

    def __init__(self, platform: str, metrics: Metrics) -> None:
        self._platform = platform
        self._metrics = metrics
        self._said: dict[tuple[str, str], float] = {}

    def warn(self, variant: str, reason: str) -> None:
        """One notification was refused for this reason; it waits until the credentials are mended or it expires."""
        now = time.monotonic()
        if now - self._said.get((variant, reason), -QUIET) < QUIET:
            return
        if len(self._said) >= REMEMBERED:
            self._said.clear()
        self._said[variant, reason] = now
        self._metrics.credential_problems.labels(self._platform, label(self._platform, reason)).inc()
        log.warning("credentials_refused", platform=self._platform, variant=variant, reason=reason)
