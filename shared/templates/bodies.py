"""Makes the body of each device: what is the same for all is JSON already, what was rendered goes in between."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from json.encoder import encode_basestring
from secrets import token_hex

from shared.flow.device import Device
from shared.flow.message import Message
from shared.templates.engine import Engine, Texts, engine
from shared.templates.places import Leaf, filled, whole_number
from shared.templates.plain import Plain, plain, split
from shared.templates.reading import Reading
from shared.templates.variables import rows


@dataclass(frozen=True, slots=True)
class Bodies:
    """A body with places for what is rendered. `frame` is a format: one `%s` for each text."""

    frame: str
    engine: Engine
    uses: frozenset[str]
    numbers: tuple[int, ...]
    """Which of the texts are numbers."""
    platform: str
    variant: str
    deeper: tuple[int, ...] = ()
    """Which of the texts stand in a JSON text within the body: once for each such text around them."""
    plain: Plain | None = None
    """What makes nearly all of them, if the texts only name values."""

    def of(self, devices: Sequence[Device]) -> list[bytes | None]:
        """The body for each device, None where a template cannot be rendered."""
        if self.plain is None:
            return self._rendered(devices)
        made, odd = self.plain.of(devices)
        for n, body in zip(odd, self._rendered([devices[n] for n in odd]), strict=True):
            made[n] = body
        return made

    def _rendered(self, devices: Sequence[Device]) -> list[bytes | None]:
        texts = self.engine.render(rows(devices, self.uses, self.platform, self.variant))
        if self.numbers:
            texts = [one and _counted(one, self.numbers) for one in texts]
        if self.deeper:
            texts = [one and _enclosed(one, self.deeper) for one in texts]
        frame = self.frame
        return [None if one is None else (frame % one).encode() for one in texts]


def bodies_of(message: Message, platform: str, variant: str, made: Callable[[Message], bytes]) -> Bodies:
    """`made` turns a message into a body; here it is given one with marks where texts will stand.

    Raises `Unreadable` for a template that the door would have refused, `ValueError` for what JSON cannot say.
    """
    key = token_hex(8)  # a mark that no text can hold but by guessing
    marked: list[tuple[Leaf, Reading]] = []

    def mark(leaf: Leaf) -> str:
        reading = leaf.reading()
        marked.append((leaf, reading))
        name = f'{key}{len(marked) - 1}";'  # what becomes of the quote tells how deep it stands
        return name if leaf.number else f"{reading.before}{name}{reading.after}"

    text = made(filled(message, platform, mark)).decode()
    found = [(one, *marked[int(one[1])]) for one in re.finditer(rf'{key}(\d+)(\\+)";', text)]
    return _assembled(text, found, platform, variant)


def _assembled(text: str, found: Sequence[tuple[re.Match[str], Leaf, Reading]], platform: str, variant: str) -> Bodies:
    frame, sources, at = [], [], 0
    for one, leaf, reading in found:
        quote = int(leaf.number)  # a number stands without the quotes around its mark
        frame.append(text[at : one.start() - quote].replace("%", "%%"))
        at = one.end() + quote
        sources.append(f"{reading.before}{reading.source}{reading.after}" if leaf.number else reading.source)
    frame.append(text[at:].replace("%", "%%"))
    numbers = tuple(n for n, (_, leaf, _) in enumerate(found) if leaf.number)
    uses = frozenset().union(*(reading.uses for _, _, reading in found))
    deeper = tuple(n for n, (one, _, _) in enumerate(found) for _ in range(_depth(one[2]) - 1))
    made = Bodies("%s".join(frame), engine(tuple(sources)), uses, numbers, platform, variant, deeper)
    return made if deeper else replace(made, plain=_plain(frame, sources, numbers, platform, variant))


def _plain(
    frame: Sequence[str], sources: Sequence[str], numbers: Collection[int], platform: str, variant: str
) -> Plain | None:
    """None if a text is more than values, or a number more than one."""
    found = [one for one in map(split, sources) if one is not None]
    if len(found) < len(sources) or any(any(found[n].same) or len(found[n].wanted) != 1 for n in numbers):
        return None
    return plain(frame, found, numbers, platform, variant)


def _depth(backslashes: str) -> int:
    """In how many JSON texts a quote stands before which there are so many: 1, 3, 7 and so on."""
    return len(backslashes).bit_length()


def _enclosed(texts: Texts, deeper: tuple[int, ...]) -> Texts:
    """The texts, with those that stand in further JSON texts escaped for these, too."""
    for n in deeper:
        texts = (*texts[:n], encode_basestring(texts[n])[1:-1], *texts[n + 1 :])
    return texts


def _counted(texts: Texts, numbers: tuple[int, ...]) -> Texts | None:
    """The texts with plain digits where numbers go; None if one of them is none."""
    for n in numbers:
        text = texts[n]
        if len(text) < 10 and text.isdigit() and text.isascii() and text[0] != "0":  # noqa: PLR2004  # as nearly all are
            continue
        number = whole_number(text)
        if number is None:
            return None
        texts = (*texts[:n], str(number), *texts[n + 1 :])
    return texts
