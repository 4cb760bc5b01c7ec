"""Reads a topic condition, `'a' in topics && ('b' in topics || !('c' in topics))`, and says whom it means."""

import re
from collections.abc import Callable
from dataclasses import dataclass

TOPIC_NAME = re.compile(r"[a-zA-Z0-9\-_.~%]+")
TOPICS_LIMIT = 5  # the protocol reference, B.2
_TOKENS = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|'([^']*)'\s+in\s+topics|(\S))")

Matches = Callable[[frozenset[str]], bool]


class BadCondition(ValueError):  # noqa: N818  (it is about the condition)
    """The text is no condition, or it names too many topics."""


@dataclass(frozen=True, slots=True)
class Condition:
    topics: frozenset[str]
    matches: Matches


def read_condition(text: str) -> Condition:
    """Raises BadCondition. `&&` and `||` bind alike and from the left, as Google evaluates them."""
    reader = _Reader(text)
    matches = reader.expression()
    if reader.words:
        raise BadCondition(f"unexpected '{reader.words[0][0]}'")
    if len(reader.named) > TOPICS_LIMIT:
        raise BadCondition(f"more than {TOPICS_LIMIT} topics")
    return Condition(frozenset(reader.named), matches)


class _Reader:
    def __init__(self, text: str) -> None:
        self.words: list[tuple[str, str]] = []  # (operator, "") or ("topic", name)
        self.named: list[str] = []
        position = 0
        while text[position:].strip():
            found = _TOKENS.match(text, position)
            if found is None or found[3]:
                raise BadCondition(f"unreadable at {position}")
            self.words.append((found[1], "") if found[1] else ("topic", found[2]))
            position = found.end()

    def expression(self) -> Matches:
        left = self.term()
        while self.words and self.words[0][0] in ("&&", "||"):
            operator, _ = self.words.pop(0)
            left = _both(left, self.term()) if operator == "&&" else _either(left, self.term())
        return left

    def term(self) -> Matches:
        word, name = self.words.pop(0) if self.words else ("end", "")
        if word == "!":
            inner = self.term()
            return lambda topics: not inner(topics)
        if word == "(":
            inside = self.expression()
            if not self.words or self.words.pop(0)[0] != ")":
                raise BadCondition("')' is missing")
            return inside
        if word != "topic" or not TOPIC_NAME.fullmatch(name):
            raise BadCondition(f"a topic was expected, not '{name or word}'")
        self.named.append(name)
        return lambda topics: name in topics


def _both(left: Matches, right: Matches) -> Matches:
    return lambda topics: left(topics) and right(topics)


def _either(left: Matches, right: Matches) -> Matches:
    return lambda topics: left(topics) or right(topics)
