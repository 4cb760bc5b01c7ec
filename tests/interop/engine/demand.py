"""How a server is to behave in a cell, how a request says its number, and what a server tells of each request."""

import json
from dataclasses import asdict, dataclass
from typing import Final

LIVE_PATH: Final = b"/send?n=%d"
DEAD_PATH: Final = b"/dead?n=%d"
DEAD_OF_TEN: Final = 5
"""In every situation, a request whose number ends in this is answered that its token is dead."""
GONE: Final = 410
DEAD_BODY: Final = b'{"reason":"Unregistered","timestamp":1454402113000}'
RESET_OF_TEN: Final = 7
"""A request whose number ends in this is read and then reset, where a situation has resets."""
REFUSED_OF_TEN: Final = 3
"""A request whose number ends in this is refused the first time it comes (REFUSED_STREAM)."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a situation asks of a server. Zero: whatever it does by itself."""

    streams: int = 100
    window: int = 0
    """Bytes of a stream's first window."""
    goaway_after: int = 0
    """Requests on a connection, after which it says goodbye."""
    resets: bool = False
    padding: int = 0
    header: int = 0
    """Bytes of a header or trailer, beyond what fits into one frame."""

    def json(self) -> str:
        """For a server that is a script of ours on somebody else's protocol."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Served:
    """One line of a server's book. Status 0: it was reset. `size` is that of the body that arrived."""

    number: int
    connection: str
    status: int
    size: int


def large_fields(demand: Demand) -> list[tuple[str, str]]:
    """Header fields for servers on h2, whose Huffman coder is slow with long values and cannot shorten a backslash."""
    return [(f"x-large-{n}", "\\" * 100) for n in range(demand.header // 280)]


def path(number: int) -> bytes:
    return (DEAD_PATH if number % 10 == DEAD_OF_TEN else LIVE_PATH) % number


def booked(said: str) -> list[Served]:
    """The book of a server whose lines are `number connection status size`; other lines are remarks."""
    rows = [line.split() for line in said.splitlines()]
    return [
        Served(int(row[0]), row[1], int(row[2]), int(row[3]) if row[3].isdigit() else 0)
        for row in rows
        if len(row) == 4 and row[0].isdigit()
    ]
