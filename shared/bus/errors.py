"""What can go wrong on the bus, split by what the catcher does.

    BusError
    ├── Unroutable        the broker has it nowhere: topology is missing; tell an operator, keep the original unacked
    ├── NotConfirmed      try again later, with the same message: it may be in the broker (`sent`) or certainly not
    ├── QueueMissing      asked about a queue that does not exist
    └── TopologyRefused   do not start: the broker has it otherwise, or we may not declare it and it is not there

A rejection by the broker is never silence: `publish` returns only after the broker has confirmed.
"""

from typing import Literal

Why = Literal["nack", "timeout", "connection", "blocked"]
"""`nack`: a full queue refused it. `timeout`: no answer in time. `connection`: lost on the way, or not there.
`blocked`: the broker has a memory or disk alarm and reads no publishes."""


class BusError(Exception):
    """Anything that the bus raises."""


class Unroutable(BusError):  # noqa: N818  # said of the message
    """The broker took the message and had no queue for it; it is stored nowhere."""

    def __init__(self, exchange: str, key: str) -> None:
        super().__init__(f"no queue for key {key!r} on exchange {exchange!r}")
        self.exchange = exchange
        self.key = key


class NotConfirmed(BusError):  # noqa: N818  # said of the message
    """The broker did not confirm. With `sent` the outcome is unknown: repeat only what carries an id of its own."""

    def __init__(self, why: Why, detail: str = "", *, sent: bool) -> None:
        super().__init__(f"{why}{': ' if detail else ''}{detail}")
        self.why = why
        self.sent = sent


class QueueMissing(BusError):  # noqa: N818  # said of the queue
    """A queue that was asked about does not exist."""


class TopologyRefused(BusError):  # noqa: N818  # said of the topology
    """An exchange or queue could not be declared and is not there as we need it; the text names it and says why."""
