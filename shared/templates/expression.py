"""Checks an expression word by word and writes it down again for the engine. Nothing gets there that is not known."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from shared.templates.words import ATTRIBUTE, CONSTANTS, FIELDS, FILTERS, LOOP, OPERATORS, TESTS, own_name, value_of

Kind = Literal["string", "number", "name", "sign"]
WORD: Final = re.compile(
    r"""[ \t\r\n]*(?:
    (?P<close>[-+]?(?:\}\}|%\})) |
    (?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*') |
    (?P<number>[0-9]+(?:\.[0-9]+)?) |
    (?P<name>[A-Za-z_][A-Za-z0-9_]*) |
    (?P<sign>==|!=|<=|>=|//|[-+<>/%~|()\[\],.:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_SUBSCRIPT: Final = frozenset({"-", ":"})


class Unreadable(ValueError):  # noqa: N818  # it is the sender's template that errs
    """A template that cannot be used, and why."""


class Word(NamedTuple):
    """One word of a tag."""

    kind: Kind
    text: str


@dataclass(slots=True)
class Expression:
    """An expression being read. `names`: variables of the template's own that are known where it stands."""

    words: Sequence[Word]
    names: Collection[str]
    in_loop: bool
    uses: set[str]
    out: list[str] = field(default_factory=list)
    at: int = 0
    value: bool = False
    """The word before ends a value, so that `[` takes a part of it."""
    callable: bool = False
    """The word before is a filter or test, so that `(` holds what it is given."""

    def written(self) -> str:
        """The expression for the engine. Raises `Unreadable`."""
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if word.kind == "name":
                self._name(word.text)
            elif word.kind == "sign":
                self._sign(word.text)
            else:
                self._say(word.text, value=True)
        return " ".join(self.out)

    def _say(self, text: str, *, value: bool, callable_: bool = False) -> None:
        self.out.append(text)
        self.value, self.callable = value, callable_

    def _name(self, name: str) -> None:
        before = self.words[self.at - 2].text if self.at > 1 else ""
        if before == "|":
            self._known(name, FILTERS, "filter")
        elif name in OPERATORS:
            self._say(name, value=False)
        elif before == "is" or (before == "not" and self.at > 2 and self.words[self.at - 3].text == "is"):  # noqa: PLR2004
            self._known(name, TESTS, "test")
        elif name in CONSTANTS:
            self._say(name, value=True)
        elif name == "device":
            self._device()
        elif name == "values":
            self._value()
        elif name == "loop" and self.in_loop:
            self._say(f"loop.{self._part(LOOP, 'loop')}", value=True)
        elif name in self.names:
            self._say(own_name(name), value=True)
        else:
            raise Unreadable(f"there is no variable {name}; there are device and values")

    def _known(self, name: str, known: Collection[str], what: str) -> None:
        if name not in known:
            raise Unreadable(f"there is no {what} {name}; there are {', '.join(sorted(known))}")
        self._say(name, value=True, callable_=True)

    def _sign(self, sign: str) -> None:
        if sign == "(" and self.value and not self.callable:
            raise Unreadable("nothing can be called")
        if sign == ".":
            raise Unreadable("only device and loop have parts")
        if sign == "[" and self.value:
            self._subscript()
        else:
            self._say(sign, value=sign in ")]")

    def _subscript(self) -> None:
        """A place in a list or text, or a range of places."""
        inside: list[str] = []
        while (word := self._next()).text != "]":
            if word.kind != "number" and word.text not in _SUBSCRIPT:
                raise Unreadable("in [] stands a place, as in device.tags[0]")
            inside.append(word.text)
        self._say(f"[{' '.join(inside)}]", value=True)

    def _device(self) -> None:
        name = self._part(FIELDS | {"attributes"}, "device")
        key = f"device.{name}"
        if name == "attributes":
            key += f".{self._attribute()}"
        self.uses.add(key)
        self._say(value_of(key), value=True)

    def _value(self) -> None:
        key = f"values.{self._attribute()}"
        self.uses.add(key)
        self._say(value_of(key), value=True)

    def _part(self, known: Collection[str], of: str) -> str:
        dot, name = self._next(), self._next()
        if dot.text != "." or name.text not in known:
            raise Unreadable(f"of {of} there are {', '.join(sorted(known))}, as in {of}.{min(known)}")
        return name.text

    def _attribute(self) -> str:
        """A name behind a dot, or, as names may hold a hyphen, in brackets."""
        opening, name = self._next(), self._next()
        if opening.text == "." and name.kind == "name":
            found = name.text
        elif opening.text == "[" and name.kind == "string" and self._next().text == "]":
            found = name.text[1:-1]
        else:
            raise Unreadable('name one, as in device.attributes.city, device.attributes["home-city"] or values.seat')
        if ATTRIBUTE.fullmatch(found) is None:
            raise Unreadable("nothing can have such a name")
        return found

    def _next(self) -> Word:
        if self.at == len(self.words):
            raise Unreadable("the tag ends too early")
        self.at += 1
        return self.words[self.at - 1]
