"""Reads one template: its text, its tags, what it uses of a device, and what of it is the same for all."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from shared.templates.expression import WORD, Expression, Unreadable, Word
from shared.templates.words import CONSTANTS, MOST_CHARACTERS, MOST_WORDS, OPERATORS, own_name

REMEMBERED: Final = 1024
_OPEN: Final = re.compile(r"(\{\{|\{%|\{#)([-+]?)")
_CLOSE: Final = {"{{": "}}", "{%": "%}"}
_CLOSE_COMMENT: Final = re.compile(r"(-?)#\}")
_ITERABLE: Final = frozenset({".", "|", "(", ")", ","})
_ENDS: Final = {"endif": "if", "endfor": "for"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A template read: `source` is what the engine renders, between texts that are the same for all devices."""

    before: str
    source: str
    after: str
    uses: frozenset[str]
    """Keys such as `device.locale` and `device.attributes.name`."""


@lru_cache(REMEMBERED)
def read(template: str) -> Reading:
    """Raises `Unreadable`."""
    if len(template) > MOST_CHARACTERS:
        raise Unreadable(f"at most {MOST_CHARACTERS:,} characters as a template")
    return _Reader(template).reading()


@dataclass(slots=True)
class _Reader:
    template: str
    at: int = 0
    parts: list[str] = field(default_factory=list)
    """Texts and tags in turn; a text is first and last."""
    uses: set[str] = field(default_factory=set)
    open: list[tuple[str, str]] = field(default_factory=list)
    """Statements that wait for their end, each with the loop's variable."""

    def reading(self) -> Reading:
        while found := _OPEN.search(self.template, self.at):
            self.parts.append(self.template[self.at : found.start()])
            self.at = found.end()
            self.parts.append(self._comment(found[2]) if found[1] == "{#" else self._tag(found[1], found[2]))
        if self.open:
            raise Unreadable(f"{self.open[-1][0]} has no end{self.open[-1][0]}")
        self.parts.append(self.template[self.at :])
        return self._split()

    def _split(self) -> Reading:
        """Text before and behind all tags is taken out, unless a tag trims it."""
        before = after = ""
        if len(self.parts) == 1:
            return Reading(self.parts[0], "", "", frozenset())
        if not self.parts[1].startswith(("{{-", "{%-", "{#-")):
            before, self.parts[0] = self.parts[0], ""
        if not self.parts[-2].endswith(("-}}", "-%}", "-#}")):
            after, self.parts[-1] = self.parts[-1], ""
        return Reading(before, "".join(self.parts), after, frozenset(self.uses))

    def _comment(self, trim: str) -> str:
        found = _CLOSE_COMMENT.search(self.template, self.at)
        if found is None:
            raise Unreadable("a comment has no end")
        self.at = found.end()
        return f"{{#{trim} {found[1]}#}}"

    def _tag(self, opening: str, trim: str) -> str:
        words: list[Word] = []
        while True:
            found = WORD.match(self.template, self.at)
            if found is None:
                raise Unreadable(_what_stands_at(self.template, self.at))
            self.at = found.end()
            text = found[found.lastgroup or 0]
            if found["close"] is not None:
                break
            words.append(Word(found.lastgroup, text))  # type: ignore[arg-type]  # the groups are the kinds
        if not text.endswith(_CLOSE[opening]):
            raise Unreadable(f"{opening} is closed by {text}")
        if not 0 < len(words) <= MOST_WORDS:
            raise Unreadable(f"a tag has 1 to {MOST_WORDS} words")
        inside = self._expression(words) if opening == "{{" else self._statement(words)
        return f"{opening}{trim} {inside} {text}"

    def _statement(self, words: list[Word]) -> str:
        first, rest = words[0].text, words[1:]
        if first in ("if", "elif") and rest:
            if first == "if":
                self.open.append((first, ""))
            return f"{first} {self._expression(rest)}"
        if first == "for":
            return self._for(rest)
        if first == "else" and not rest:
            return first
        if first in _ENDS and not rest:
            if not self.open or self.open.pop()[0] != _ENDS[first]:
                raise Unreadable(f"{first} ends nothing")
            return first
        raise Unreadable("statements are if, elif, else, endif, for and endfor")

    def _for(self, words: list[Word]) -> str:
        if any(kind == "for" for kind, _ in self.open):
            raise Unreadable("a loop in a loop")
        if len(words) < 3 or words[0].kind != "name" or words[1].text != "in":  # noqa: PLR2004  # a name, in, a list
            raise Unreadable("a loop is written as in {% for tag in device.tags %}")
        name = words[0].text
        if name in OPERATORS | CONSTANTS | {"device", "values", "loop"}:
            raise Unreadable(f"no variable can be called {name}")
        where = next((n for n, word in enumerate(words) if word.text == "if" and word.kind == "name"), len(words))
        if any(word.kind == "sign" and word.text not in _ITERABLE for word in words[2:where]):
            raise Unreadable("a loop goes over device.tags, through filters if need be")
        head = f"for {own_name(name)} in {self._expression(words[2:where])}"
        self.open.append(("for", name))
        return head if where == len(words) else f"{head} if {self._expression(words[where + 1 :])}"

    def _expression(self, words: list[Word]) -> str:
        names = [name for kind, name in self.open if kind == "for"]
        return Expression(words, names, bool(names), self.uses).written()


def _what_stands_at(template: str, at: int) -> str:
    rest = template[at:].lstrip(" \t\r\n")
    if not rest:
        return "a tag has no end"
    if rest.startswith("*"):
        return "there is no multiplication"
    return "a text has no end quote" if rest[0] in "\"'" else f"no template has {rest[0]} in a tag"
