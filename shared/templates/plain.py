"""Texts that only name values, as most do, are put together here: the engine takes five times as long for them.

What is rare among values (lists, truth, fractions) is written by the engine, so that there is one way to write it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple

from shared.templates.engine import Engine, Row, Texts, engine
from shared.templates.words import ROW

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
class Values:
    """Renders tags that are values, each to a text of its own."""

    wanted: tuple[tuple[str, str | None], ...]
    """Each once."""
    order: tuple[int, ...]
    """Which of them each tag is."""
    rest: Engine
    """For values that are neither text nor whole number."""

    def render(self, rows: Sequence[Row]) -> list[Texts | None]:
        """The texts for each device, escaped as inside of a JSON string; None where a value is missing."""
        if not self.order:
            return [()] * len(rows)
        columns = [list(map(_text, [row.get(key, other) for row in rows])) for key, other in self.wanted]
        rendered: list[Texts | None] = list(zip(*[columns[n] for n in self.order], strict=True))
        odd = sorted({n for column in columns if None in column for n, text in enumerate(column) if text is None})
        for n, texts in zip(odd, self.rest.render([rows[n] for n in odd]), strict=True):
            rendered[n] = texts
        return rendered


def _text(value: Any) -> str | None:
    """As inside of a JSON string; None is for the engine."""
    if type(value) is str:
        return encode_basestring(value)[1:-1]
    return str(value) if type(value) is int else None


def values(wanted: Sequence[Wanted]) -> Values:
    """What renders these tags."""
    each = list(dict.fromkeys((one.key, one.other) for one in wanted))
    order = tuple(each.index((one.key, one.other)) for one in wanted)
    return Values(tuple(each), order, engine(tuple(one.tag for one in wanted)))
