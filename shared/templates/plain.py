"""Bodies whose texts only name values, as most do, are put together here: the engine takes ten times as long for them.

What is rare among values (lists, truth, fractions) is written by the engine, so that there is one way to write it.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, cast

from pydantic_core import to_json

from shared.flow.device import Device
from shared.templates.variables import column
from shared.templates.words import ROW

BILLION: Final = 10**9
DIGITS: Final = 10
"""So many are left to who knows what the largest number is."""

_TAG: Final = re.compile(
    rf"""\{{\{{[ ]{ROW}\["([^"]+)"\](?:[ ]\|[ ](?:default|d)[ ]\([ ](?:"([^"'\\]*)"|'([^"'\\]*)')[ ]\))?[ ]\}}\}}""",
    re.VERBOSE,
)
"""A tag that is a value, perhaps with a text in its place, as `reading` writes it."""
_OPEN: Final = re.compile(r"\{[{%#]")
_LIST: Final = "device.tags"


class Wanted(NamedTuple):
    """A value, the text in its place if the device lacks it, and the tag that says so."""

    key: str
    other: str | None
    tag: str


class Split(NamedTuple):
    """A text: what stands before, between and after its values, which is one more than there are values."""

    same: tuple[str, ...]
    wanted: tuple[Wanted, ...]


def split(source: str) -> Split | None:
    """A template that `read` has written, if all its tags are values."""
    same, wanted, at = [], [], 0
    for found in _TAG.finditer(source):
        other = found[2] if found[2] is not None else found[3]
        same.append(source[at : found.start()])
        wanted.append(Wanted(found[1], other, found[0]))
        at = found.end()
    same.append(source[at:])
    if any(map(_OPEN.search, same)) or any(one.key == _LIST for one in wanted):
        return None
    return Split(tuple(same), tuple(wanted))


@dataclass(frozen=True, slots=True)
class Plain:
    """A body of which only values differ. `frame` is a format: one `%b` for each tag."""

    frame: bytes
    wanted: tuple[tuple[str, str | None], ...]
    """The values, each once, with the text in its place."""
    order: tuple[int, ...]
    """Which of them each tag is."""
    numbers: frozenset[int]
    """Which of them stand where a whole number has to."""
    platform: str
    variant: str

    def of(self, devices: Sequence[Device]) -> tuple[list[bytes | None], list[int]]:
        """The body for each device, and for whom the engine must make it: what is odd about them it knows best."""
        odd: set[int] = set()
        columns = [self._column(n, devices, odd) for n in range(len(self.wanted))]
        frame = self.frame
        if not columns:
            return [frame % ()] * len(devices), []
        return [frame % texts for texts in zip(*[columns[n] for n in self.order], strict=True)], sorted(odd)

    def _column(self, n: int, devices: Sequence[Device], odd: set[int]) -> list[bytes]:
        """One value of every device as inside of a JSON string; anything where it is odd."""
        key, other = self.wanted[n]
        values = column(devices, key, self.platform, self.variant)
        if other is not None:
            values = [other if one is None else one for one in values]
        kinds = set(map(type, values))
        texts = _together(values, kinds) or [_alone(value) for value in values]
        if None in texts:
            odd.update(m for m, text in enumerate(texts) if text is None)
        if n in self.numbers and not (kinds == {int} and min(values) >= 0 and max(values) < BILLION):
            odd.update(m for m, text in enumerate(texts) if text is None or not _counts(text))
        return [text or b"" for text in texts] if None in texts else cast("list[bytes]", texts)


def _together(values: list[Any], kinds: set[type]) -> list[bytes | None] | None:
    """All of them by one call, which costs a fifth; None if they are not of one kind."""
    if kinds == {str}:  # a quote inside of a text has a backslash before it, so this stands only between two texts
        return cast("list[bytes | None]", to_json(values)[2:-2].split(b'","'))
    if kinds == {int}:
        return cast("list[bytes | None]", to_json(values)[1:-1].split(b","))
    return None


def _alone(value: Any) -> bytes | None:
    """None is for the engine."""
    if type(value) is str:
        return to_json(value)[1:-1]
    return str(value).encode() if type(value) is int else None


def _counts(text: bytes) -> bool:
    """Whether it is a whole number as JSON writes one, and no large one."""
    return text.isdigit() and len(text) < DIGITS and (text == b"0" or not text.startswith(b"0"))


def plain(frame: Sequence[str], found: Sequence[Split], numbers: Collection[int], platform: str, variant: str) -> Plain:
    """`frame` stands before, between and after the texts that were `found`, as a format; `numbers` are texts, too."""
    tags = [(one.key, one.other) for each in found for one in each.wanted]
    wanted = list(dict.fromkeys(tags))
    counted = {wanted.index((one.key, one.other)) for n in numbers for one in found[n].wanted}
    parts = [frame[0]]
    for each, after in zip(found, frame[1:], strict=True):
        parts += ["%b".join(encode_basestring(same)[1:-1].replace("%", "%%") for same in each.same), after]
    order = tuple(wanted.index(one) for one in tags)
    return Plain("".join(parts).encode(), tuple(wanted), order, frozenset(counted), platform, variant)
