"""What a backend may order of a send that was accepted: to wait, or to be called off for good. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Order(StrEnum):
    """What holds a send up. A paused one goes on when it is resumed; one that was called off never does."""

    PAUSED = "paused"
    CANCELLED = "cancelled"


class Wish(StrEnum):
    """What a backend may order."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Standing:
    """An order in force."""

    order: Order
    since: datetime
    why: str = ""
    """If it was not the backend who ordered it: `canary`."""

    def stops(self, now: datetime, deadline: datetime) -> bool:
        """Whether nothing of the send may be begun. A pause ends with the deadline: what is late is recorded so."""
        return self.order is Order.CANCELLED or now < deadline
