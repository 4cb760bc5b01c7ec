"""Receipts of what was delivered, as columns: device after device, and what a provider calls each notification. Pure.

Only sends that ask for all receipts have them; whoever was not delivered to stands in the chunk's record.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

DEVICE: Final = 12
"""Bytes of a device's id; 16 characters of base 64."""
TEXT: Final = 16
NUMBERED: Final = re.compile(rb"(.*)0:([1-9]\d{0,18})%((?:[0-9a-f]{2})+)", re.DOTALL)
"""How Firebase names a message: microseconds and hexadecimal digits; kept as the bytes that they stand for."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """Who was delivered to of one chunk. `runs`: so many of them, one after the other, were answered at that time."""

    member: str
    send: str
    devices: str
    runs: tuple[tuple[int, datetime], ...]
    names: bytes = b""
    """What the provider calls them, packed; empty if their names follow from the devices."""

    def place(self, device: bytes) -> int | None:
        """Where a device stands among them, or None."""
        wanted, at = b64(device), -1
        while (at := self.devices.find(wanted, at + 1)) >= 0:
            if at % TEXT == 0:
                return at // TEXT
        return None

    def at(self, place: int) -> datetime | None:
        """When this one was answered."""
        for n, moment in self.runs:
            if place < n:
                return moment
            place -= n
        return None

    def name(self, place: int) -> str | None:
        """What the provider calls this one, if it was kept."""
        names = unpacked(self.names)
        return names[place] or None if place < len(names) else None

    def each(self) -> list[bytes]:
        """Every device, in order."""
        raw = b64decode(self.devices)
        return [raw[n : n + DEVICE] for n in range(0, len(raw), DEVICE)]


def b64(devices: bytes) -> str:
    """Devices as the text that is kept: the store can look for one of them in it."""
    return b64encode(devices).decode()


def packed(names: Sequence[bytes]) -> bytes:
    """Names as few bytes: those of Firebase's form as numbers, any others as text."""
    found = [NUMBERED.fullmatch(name) for name in names]
    matches = [one for one in found if one is not None and int(one[2]) < 1 << 63]
    if matches and len(matches) == len(names) and len({(one[1], len(one[3])) for one in matches}) == 1:
        prefix, digits = matches[0][1], len(matches[0][3]) // 2
        rows = b"".join(int(one[2]).to_bytes(8, "big") + bytes.fromhex(one[3].decode()) for one in matches)
        return b"\x01" + bytes([digits]) + len(prefix).to_bytes(2, "big") + prefix + rows
    return b"\x00" + b"\n".join(name.replace(b"\n", b" ") for name in names) if any(names) else b""


def unpacked(names: bytes) -> list[str]:
    """What `packed` was given."""
    if not names:
        return []
    if names[0] == 0:
        return names[1:].decode("utf-8", "replace").split("\n")
    digits, start = names[1], 4 + int.from_bytes(names[2:4], "big")
    prefix, width = names[4:start].decode(), 8 + digits
    return [_numbered(prefix, names[at : at + width]) for at in range(start, len(names), width)]


def _numbered(prefix: str, row: bytes) -> str:
    return f"{prefix}0:{int.from_bytes(row[:8], 'big')}%{row[8:].hex()}"


class Received:
    """One chunk's receipts while it is worked; nothing of it is made where a send does not ask for all."""

    __slots__ = ("devices", "names", "runs")

    def __init__(self) -> None:
        self.devices = bytearray()
        self.names: list[bytes] = []
        self.runs: list[tuple[int, datetime]] = []

    def add(self, devices: Iterable[bytes], names: Iterable[bytes], at: datetime) -> None:
        """These were delivered to; `names` are as many, each empty where nothing is known."""
        before = len(self.devices)
        self.devices += b"".join(devices)
        self.names += names
        n = (len(self.devices) - before) // DEVICE
        if n:
            self.runs.append((n, at))

    def receipts(self, member: str, send: str) -> Receipts | None:
        """What there is to keep, or None."""
        if not self.runs:
            return None
        return Receipts(member, send, b64(bytes(self.devices)), tuple(self.runs), packed(self.names))
