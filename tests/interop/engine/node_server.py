"""Node's http2: a script of a page, and its book on standard output."""

from collections.abc import Sequence
from pathlib import Path

from tests.installed import program
from tests.interop.engine.demand import DEAD_BODY, GONE, REFUSED_OF_TEN, RESET_OF_TEN, Demand, Served, booked
from tests.interop.engine.far_end import Place, Server

SCRIPT = Path(__file__).with_name("node_server.mjs")


def command(demand: Demand, place: Place) -> Sequence[str]:
    rules = (RESET_OF_TEN, REFUSED_OF_TEN, GONE, DEAD_BODY.decode())
    given = (place.port, place.certificate, place.key, demand.json(), *rules)
    return [program("node"), str(SCRIPT), *map(str, given)]


def served(place: Place) -> list[Served]:
    return booked(place.said.read_text())


NODE = Server("node", command, served, breaks="reset_internal_error", refuses=True)
