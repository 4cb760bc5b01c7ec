"""What a reader hands on: a device as a line of Carillon's, or why a row of the file is none."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

Json = dict[str, Any]
TEXT = 256
"""Characters of a text attribute, and of a user's id, as Carillon takes them."""
WHOLE = 2**53
"""The largest whole number that it takes."""


@dataclass(frozen=True, slots=True)
class Device:
    """A line for Carillon, with the place in the file that it comes from (a line or an entry, from 1)."""

    place: int
    line: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no device to send to, and why."""

    place: int
    why: str


Row = Device | Skipped


class WrongFormatError(Exception):
    """The file is not what it is said to be."""


@dataclass(frozen=True, slots=True)
class Variants:
    """To which variant a device goes: by the platform that the file names, or all to one."""

    by_platform: Mapping[str, str]
    default: str | None = None

    def of(self, platform: str) -> str | None:
        """The variant, or None if nobody said where such devices go."""
        return self.by_platform.get(platform, self.default)


Reader = Callable[[BinaryIO, Variants], Iterator[Row]]


def device(place: int, variants: Variants, platform: str, said: Mapping[str, Any]) -> Row:
    """The row for a device of this platform; what it does not say is left out."""
    variant = variants.of(platform)
    if variant is None:
        return Skipped(
            place, f"no variant named for {platform or 'an unknown platform'}: --map {platform or 'NAME'}=VARIANT"
        )
    kept = {name: value for name, value in said.items() if value not in (None, "", [], {})}
    line = json.dumps({"variant": variant, **kept}, separators=(",", ":"), ensure_ascii=False)
    return Device(place, line.encode("utf-8", "replace"))


def user(given: object) -> str | None:
    """A user's id, if it can be one. Never cut: two that begin alike are two users."""
    text = str(given).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
    return text if 0 < len(text) <= TEXT else None


def attribute(value: object) -> str | int | float | bool:
    """A value as an attribute can have it: as it is, or as a text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) <= WHOLE:
        return value
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:TEXT]
