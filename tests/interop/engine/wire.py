"""What frames a server really sent, so that a cell that stands for padding cannot pass without any."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from services.delivery.http2 import frames
from services.delivery.http2.protocol import Link

HEAD_SIZE: Final = 9


class Wire:
    """Counts; read with a reader of its own, not the engine's."""

    def __init__(self) -> None:
        self.kinds: Counter[int] = Counter()
        self.padded = 0
        self.settings: dict[int, int] = {}
        self.pauses = 0
        """How often a socket took no more bytes of ours."""
        self._rest: dict[Link, bytes] = {}

    def heard(self, link: Link, data: bytes) -> None:
        data = self._rest.get(link, b"") + data
        at = 0
        while len(data) - at >= HEAD_SIZE:
            length, kind, flags = int.from_bytes(data[at : at + 3], "big"), data[at + 3], data[at + 4]
            end = at + HEAD_SIZE + length
            if end > len(data):
                break
            self._frame(kind, flags, data[at + HEAD_SIZE : end])
            at = end
        self._rest[link] = data[at:]

    def _frame(self, kind: int, flags: int, payload: bytes) -> None:
        self.kinds[kind] += 1
        if kind in {frames.DATA, frames.HEADERS} and flags & frames.PADDED:
            self.padded += 1
        if kind == frames.SETTINGS:
            self.settings.update(frames.SETTING.iter_unpack(payload))


@contextmanager
def watched() -> Iterator[Wire]:
    """Every connection of the engine, for as long as the block runs."""
    wire, heard, paused = Wire(), Link.data_received, Link.pause_writing

    def data_received(link: Link, data: bytes) -> None:
        wire.heard(link, data)
        heard(link, data)

    def pause_writing(link: Link) -> None:
        wire.pauses += 1
        paused(link)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Link, "data_received", data_received)
        patch.setattr(Link, "pause_writing", pause_writing)
        yield wire
