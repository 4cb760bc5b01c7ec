"""Reads the events of a send (Server-Sent Events), and remembers where to go on if the connection breaks; pure."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from services.client.ask import Ask, nothing, reader
from services.client.asks import path_of
from services.client.errors import CarillonError
from services.client.models import Status

QUIET: Final = timedelta(seconds=45)
"""The server shows a sign of life every 15 s."""
_STATUS: Final = reader(Status)


class Following:
    """One send that is followed, over as many connections as it takes."""

    def __init__(self, send: str) -> None:
        self.path = f"{path_of(send)}/events"
        self.over = False
        self.tries = 0
        """Connections in a row that showed no sign of life."""
        self._seen = ""
        self._id = ""
        self._rest = b""

    @property
    def ask(self) -> Ask[None]:
        """What is asked for."""
        return Ask("GET", self.path, nothing)

    def headers(self) -> dict[str, str]:
        """Of a new connection."""
        self._rest = b""
        wanted = {"accept": "text/event-stream"}
        return wanted | ({"last-event-id": self._seen} if self._seen else {})

    def heard(self, piece: bytes) -> Iterator[Status]:
        """The events that end in this piece of the stream."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.decode(errors="replace").partition(": ")
            if name == "id":
                self._id = value.strip()
            elif name == "data":
                status = self._read(value)
                self._seen, self.over, self.tries = self._id, status.ended, 0
                yield status
            elif line.startswith(b":"):
                self.tries = 0

    def _read(self, data: str) -> Status:
        try:
            return _STATUS(json.loads(data))
        except ValueError as error:  # pydantic's are among them
            message = f"the events of {self.path} are not Carillon's"
            raise CarillonError(message) from error
