"""nghttpd, the server of the nghttp2 project: serves a file, and says of every frame what it was, which is its book."""

import re
from collections import Counter
from collections.abc import Sequence

from tests.installed import program
from tests.interop.engine.demand import Demand, Served
from tests.interop.engine.far_end import Place, Server

CONNECTION = r"\[id=(\d+)\] \[ *[\d.]+\] "
LINE = re.compile(
    CONNECTION + r"(?:recv \(stream_id=(\d+)\) :path: /\w+\?n=(\d+)"
    r"|recv DATA frame <length=(\d+), flags=0x[0-9a-f]+, stream_id=(\d+)>"
    r"|send HEADERS frame <length=\d+, flags=0x[0-9a-f]+, stream_id=(\d+)>)"
    r"|^ +:status: (\d+)",
    re.MULTILINE,
)


def command(demand: Demand, place: Place) -> Sequence[str]:
    (place.folder / "send").write_text("{}")
    options = [
        "--verbose",
        "--address=127.0.0.1",
        f"--htdocs={place.folder}",
        f"--max-concurrent-streams={demand.streams}",
    ]
    if demand.window:
        bits = demand.window.bit_length()
        options += [f"--window-bits={bits}", f"--connection-window-bits={max(16, bits)}"]
    if demand.padding:
        options.append(f"--padding={demand.padding}")
    if demand.header:
        options.append(f"--trailer=x-large: {'x' * demand.header}")
    if demand.resets:
        options.append("--early-response")  # it answers before the body has come, and then resets without an error
    nghttpd = program("nghttpd")
    return ["stdbuf", "-oL", nghttpd, *options, str(place.port), str(place.key), str(place.certificate)]


def served(place: Place) -> list[Served]:
    """A status belongs to the last HEADERS that went out before it; bodies may still come after an early answer."""
    numbers: dict[tuple[str, str], int] = {}
    sizes: Counter[tuple[str, str]] = Counter()
    answers: list[tuple[tuple[str, str], int]] = []
    answering = ("", "")
    for line in LINE.finditer(place.said.read_text("utf-8", "replace")):
        connection, asked, number, size, sending, answered, status = line.groups()
        if asked:
            numbers[connection, asked] = int(number)
        elif sending:
            sizes[connection, sending] += int(size)
        elif answered:
            answering = (connection, answered)
        elif answering in numbers:
            answers.append((answering, int(status)))
    return [Served(numbers[key], key[0], status, sizes[key]) for key, status in answers]


NGHTTPD = Server("nghttpd", command, served, gone=404)  # the file of dead tokens is not there
