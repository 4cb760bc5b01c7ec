"""Facets: what a device says of itself as texts under one index, and which stretches of them a condition needs. Pure.

    t:<tag>            l:<locale>  z:<zone>  v:<app version>  o:<os version>, as they sort
    r:<day>            the day of the last registration: a thousand in three years
    a:<name>           the device has the attribute
    a:<name>=<value>   s<text>, b0, b1, or n<number as it sorts>
    a:<name>~<level>   of a number: stretches of numbers, wider from level to level

A range over something that has very many values is asked for by stretches: for a chunk of a send the store looks into
its part of the shard range once for each value, and a million values would be a million looks.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from shared.flow.filter_values import Value
from shared.flow.version import order_of

LAST: Final = "\U0010ffff"
DAY: Final = 86_400
NUMBER_STEP: Final = 7
NUMBER_DROPPED: Final = 35
"""Bits of a double that no stretch tells apart: the finest is 1/131,072 of a number, two hours of Unix time."""
LEVELS: Final = 3
AT_ONCE: Final = 256
"""So many stretches of one level are asked for before a wider level is gone to."""
FACETED: Final[Mapping[str, str]] = {
    "tags": "t:", "attributes": "a:", "locale": "l:", "zone": "z:", "app_version": "v:", "os_version": "o:",
    "registered_at": "r:",
}  # fmt: skip
"""By field of a device: how its facets begin. Two characters each."""


class Stretch(NamedTuple):
    """The facets from `low` to `high`, both included."""

    low: str
    high: str


def facets_of(said: Mapping[str, Any]) -> list[str]:
    """The facets of what a registration says; of a field that it leaves out or removes there are none."""
    found: list[str] = [f"t:{tag}" for tag in dict.fromkeys(said.get("tags") or ())]
    if locale := said.get("locale"):
        found.append(f"l:{locale}")
    if zone := said.get("zone"):
        found.append(f"z:{zone}")
    for field, prefix in (("app_version", "v:"), ("os_version", "o:")):
        if version := said.get(field):
            found.append(prefix + (order_of(version) or version))
    if at := said.get("registered_at"):
        found.append(f"r:{day_of(at):06x}")
    for name, value in (said.get("attributes") or {}).items():
        if value is not None:
            found += _attribute(name, value)
    return found


def _attribute(name: str, value: Value) -> Iterator[str]:
    yield f"a:{name}"
    yield exactly(name, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        place = sortable(value) >> NUMBER_DROPPED
        for level in range(1, LEVELS + 1):
            yield f"a:{name}~{level}{place:08x}"
            place >>= NUMBER_STEP


def exactly(name: str, value: Value) -> str:
    """The facet of an attribute with this value."""
    if isinstance(value, bool):
        return f"a:{name}=b{value:d}"
    return f"a:{name}=s{value}" if isinstance(value, str) else f"a:{name}=n{sortable(value):016x}"


def number_stretches(name: str, low: float | None, high: float | None) -> list[Stretch]:
    """Where an attribute's numbers from low to high (None: without end) lie; some beyond the ends may lie there too."""
    first = 0 if low is None else sortable(low) >> NUMBER_DROPPED
    last = (1 << (64 - NUMBER_DROPPED)) - 1 if high is None else sortable(high) >> NUMBER_DROPPED
    return [Stretch(f"a:{name}~{level}{a:08x}", f"a:{name}~{level}{b:08x}") for level, a, b in _levels(first, last)]


def day_stretches(low: datetime | None, high: datetime | None) -> list[Stretch]:
    """Where last registrations from low to high lie, to whole days."""
    first = 0 if low is None else day_of(low)
    last = (1 << 24) - 1 if high is None else day_of(high)
    return [Stretch(f"r:{first:06x}", f"r:{last:06x}")]


def of_language(language: str) -> Stretch:
    """Where the locales of a language lie: `pt` itself, and whatever goes on with a hyphen."""
    return Stretch(f"l:{language}", f"l:{language}-{LAST}")


def day_of(at: datetime) -> int:
    """Days since 1970; what was before is day 0."""
    return max(0, int(at.timestamp() // DAY))


def sortable(number: float) -> int:
    """64 bits that sort as numbers do (IEEE 754: the sign turned round, negative numbers bit for bit)."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number or 0.0))  # -0.0 is 0.0
    return int(bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63)


def _levels(first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Stretches, by level, that together are first to last: narrow ones at the ends, wide ones between."""
    within = (1 << NUMBER_STEP) - 1
    for level in range(1, LEVELS + 1):
        if last < first:
            return
        if level == LEVELS or last - first <= AT_ONCE:
            yield level, first, last
            return
        if first & within:
            yield level, first, first | within
            first = (first | within) + 1
        if last & within != within:
            yield level, last & ~within, last
            last = (last & ~within) - 1
        first, last = first >> NUMBER_STEP, last >> NUMBER_STEP
