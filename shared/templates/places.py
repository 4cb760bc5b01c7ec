"""Where in a message texts stand: finds those that are templates, and puts other texts in their place."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.flow.message import Message
from shared.flow.send import Problem
from shared.templates.engine import mistake
from shared.templates.expression import Unreadable
from shared.templates.reading import Reading, read
from shared.templates.words import MOST_IN_ALL

Place = tuple[str | int, ...]
"""The keys that lead to a text, from the message."""
Put = Callable[["Leaf"], Any]
TEXTS: Final = ("title", "subtitle", "body", "image", "sound", "link", "category", "thread")
OF_ACTIONS: Final = ("title", "link", "icon")
NUMBER: Final[Place] = ("badge",)
"""The one text that becomes a number."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text that is a template."""

    place: Place
    text: str

    @property
    def number(self) -> bool:
        """Whether what it is rendered to must be a whole number."""
        return self.place == NUMBER

    def reading(self) -> Reading:
        """Raises `Unreadable`."""
        return read(self.text)

    @property
    def pointer(self) -> str:
        """Its place as a JSON pointer (RFC 6901)."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.place)


def is_template(text: str) -> bool:
    """Whether it holds a tag; one that cannot be read does."""
    return "{{" in text or "{%" in text or "{#" in text


def leaves(message: Message, platform: str) -> list[Leaf]:
    """The templates of a message, as far as this platform is concerned."""
    found: list[Leaf] = []

    def note(leaf: Leaf) -> str:
        found.append(leaf)
        return leaf.text

    if message.template:
        filled(message, platform, note)
    return found


def filled(message: Message, platform: str, put: Put) -> Message:
    """The message with what `put` gives in the place of each template; for every other platform it is as it was."""
    update: dict[str, Any] = {name: _walked((name,), getattr(message, name), put) for name in TEXTS}
    update["data"] = {name: _walked(("data", name), text, put) for name, text in message.data.items()}
    if message.actions:
        update["actions"] = tuple(
            one.model_copy(update={name: _walked(("actions", n, name), getattr(one, name), put) for name in OF_ACTIONS})
            for n, one in enumerate(message.actions)
        )
    if isinstance(message.badge, str):
        update["badge"] = put(Leaf(NUMBER, message.badge))
    if (raw := message.raw_for(platform)) is not None:
        update[platform] = _walked((platform,), raw, put)
    return message.model_copy(update=update)


def uses(message: Message, platform: str) -> frozenset[str]:
    """Everything that its templates use of a device; what cannot be read uses nothing."""
    try:
        return frozenset().union(*(leaf.reading().uses for leaf in leaves(message, platform)))
    except Unreadable:
        return frozenset()


def problems(message: Message, platform: str, same_for_all: Sequence[Place]) -> Iterator[Problem]:
    """What is wrong with its templates. What begins with a place in `same_for_all` cannot differ between devices."""
    total = 0
    if message.template and message.collapse_key is not None and is_template(message.collapse_key):
        yield Problem(pointer="/collapse_key", detail=_SAME)
    for leaf in leaves(message, platform):
        total += len(leaf.text)
        if any(leaf.place[: len(place)] == place for place in same_for_all):
            yield Problem(pointer=leaf.pointer, detail=_SAME)
        elif (wrong := _wrong(leaf)) is not None:
            yield Problem(pointer=leaf.pointer, detail=f"as a template: {wrong}")
    if total > MOST_IN_ALL:
        yield Problem(pointer="", detail=f"{total:,} characters of templates; at most {MOST_IN_ALL:,}")


def literal(message: Message, platform: str) -> Message:
    """The message with no more than what every device gets of each template, as far as that can be told."""
    if not message.template:
        return message
    return filled(message, platform, lambda leaf: 0 if leaf.number else leaf.reading().before + leaf.reading().after)


_SAME: Final = "is the same for all devices: no template stands here"


def _walked(place: Place, value: Any, put: Put) -> Any:
    if isinstance(value, str):
        return put(Leaf(place, value)) if is_template(value) else value
    if isinstance(value, dict):
        return {name: _walked((*place, name), inner, put) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walked((*place, number), inner, put) for number, inner in enumerate(value)]
    return value


def _wrong(leaf: Leaf) -> str | None:
    try:
        reading = leaf.reading()
    except Unreadable as error:
        return str(error)
    if leaf.number and not reading.source and whole_number(reading.before) is None:
        return "not a whole number"
    return mistake(reading.source)


def whole_number(text: str) -> int | None:
    """What a badge may be, or None."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004  # digits of the largest
        return None
    return number if (number := int(text)) <= _MOST else None


_MOST: Final = 2**31 - 1
