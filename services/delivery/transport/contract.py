"""The seam between a chunk and the wire: parcels of requests in, one outcome for each request out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from shared.flow.verdict import Outcome
from shared.providers.contract import Headers, Origin, Request

REQUEST_TIMEOUT: Final = timedelta(seconds=30)
"""Without an answer for so long, an outcome is unknown. Google asks for at least 10 s (protocol reference, B.4)."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Requests that share an origin and their stable headers (authorization among them).

    `fresh`: on a connection that none of the refused requests went through.
    """

    origin: Origin
    headers: Headers
    requests: Sequence[Request]
    fresh: bool = False


class Transport(Protocol):
    """Sends parcels. Lives as long as the process; shared by all its chunks; `open_…` closes it."""

    async def send(self, parcels: Sequence[Parcel]) -> list[list[Outcome]]:
        """One outcome for each request, in order. Never raises for what a peer does."""
        ...
