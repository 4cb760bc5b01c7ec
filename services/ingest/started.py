"""Whether store and broker were found and made ready once; until then every endpoint answers 503."""

import asyncio


class Started:
    """Set once, by the wiring."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """They were."""
        self._event.set()

    async def wait(self) -> None:
        """Returns when they were."""
        await self._event.wait()

    async def check(self) -> None:
        """For readiness. Raises `RuntimeError`."""
        if not self:
            raise RuntimeError("starting")

    def __bool__(self) -> bool:
        return self._event.is_set()
