"""The table: every situation, what it demands and how it shows on the wire; and every cell that cannot be had."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from services.delivery.http2 import frames
from tests.interop.engine.demand import Demand
from tests.interop.engine.far_end import Server
from tests.interop.engine.hypercorn_server import HYPERCORN
from tests.interop.engine.nghttpd_server import NGHTTPD
from tests.interop.engine.nginx_server import NGINX
from tests.interop.engine.node_server import NODE
from tests.interop.engine.simulator_server import SIMULATOR
from tests.interop.engine.wire import Wire

REQUESTS: Final = 1000
"""In every cell, those with one stream included."""
SERVERS: Final = (NGINX, NGHTTPD, NODE, HYPERCORN, SIMULATOR)


@dataclass(frozen=True, slots=True)
class Situation:
    """`shows`: whether the server's frames prove that it happened."""

    name: str
    demand: Demand
    shows: Callable[[Wire], bool]
    body: int = 0
    """Bytes of the largest body, where each has its own; else one small body is everybody's."""
    slow: bool = False
    """The server's process is stopped again and again."""
    loses: bool = False
    """The server drops answers, so that some outcomes are unknown; they are not waited for long."""


def _limit(streams: int) -> Callable[[Wire], bool]:
    return lambda wire: wire.settings[frames.MAX_CONCURRENT_STREAMS] == streams


GOODBYE: Final = Situation(
    "GOAWAY in mid-flight", Demand(goaway_after=50), lambda wire: wire.kinds[frames.GOAWAY] >= 10
)
SITUATIONS: Final = (
    Situation(
        "large windows",
        Demand(window=2**20),
        lambda wire: wire.settings[frames.INITIAL_WINDOW_SIZE] >= 2**20 - 1,
        body=10_000,
    ),
    Situation(
        "small windows",
        Demand(window=1000),
        lambda wire: (
            wire.settings.get(frames.INITIAL_WINDOW_SIZE, frames.FIRST_WINDOW) <= frames.FIRST_WINDOW
            and wire.kinds[frames.WINDOW_UPDATE] >= 50
        ),
        body=4096,
    ),
    Situation("one stream", Demand(streams=1), _limit(1)),
    Situation("10 streams", Demand(streams=10), _limit(10)),
    Situation("1000 streams", Demand(streams=1000), _limit(1000)),
    GOODBYE,
    Situation("resets", Demand(resets=True, window=1000), lambda wire: wire.kinds[frames.RST_STREAM] >= 100, body=4096),
    Situation(
        "slow reads",
        Demand(streams=1000, window=2**24),
        # what filled up: the socket, or, before that, a window of 65,535
        lambda wire: wire.pauses > 0 or wire.kinds[frames.WINDOW_UPDATE] >= 50,
        body=20_000,  # more than sockets hold, and than a frame
        slow=True,
    ),
    Situation("padding", Demand(padding=200), lambda wire: wire.padded >= REQUESTS * 0.9),
    Situation("CONTINUATION", Demand(header=20_000), lambda wire: wire.kinds[frames.CONTINUATION] >= REQUESTS * 0.9),
)

NOT_TO_BE_HAD: Final = {
    ("nginx", "padding"): "nginx has no setting for padding, and never pads",
    ("nghttpd", "GOAWAY in mid-flight"): "nghttpd says GOAWAY only when the client broke the protocol",
    ("hypercorn", "large windows"): "hypercorn has no setting for windows; they are 65,535, which is small",
    ("hypercorn", "resets"): "hypercorn lets an application end a stream with an answer only",
    ("hypercorn", "padding"): "hypercorn has no setting for padding, and never pads",
    ("simulator", "padding"): "the simulator has no knob for padding, and never pads",
}


# hypercorn closes h2's connection with its GOAWAY: answers to what is in flight are dropped, TCP is left open.
OF_ITS_OWN: Final = {
    (HYPERCORN.name, GOODBYE.name): replace(
        GOODBYE,
        demand=Demand(goaway_after=250),
        shows=lambda wire: wire.kinds[frames.GOAWAY] >= 2,
        loses=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One server in one situation."""

    server: Server
    situation: Situation

    def __str__(self) -> str:
        return f"{self.server.name}, {self.situation.name}"


ALL: Final = tuple(
    Cell(server, OF_ITS_OWN.get((server.name, situation.name), situation))
    for server in SERVERS
    for situation in SITUATIONS
)
CELLS: Final = tuple(cell for cell in ALL if (cell.server.name, cell.situation.name) not in NOT_TO_BE_HAD)
