"""Topics that a provider itself keeps: their names, and conditions over them. Pure.

    'dogs' in topics && ('cats' in topics || !('birds' in topics))

Source: Firebase, Send messages to topics: at most five topics in a condition; a name is of [a-zA-Z0-9-_.~%].
"""

import re
from collections.abc import Iterator
from typing import Final

TOPIC: Final = r"^[a-zA-Z0-9._~%-]{1,900}$"
CHANNEL: Final = r"^[A-Za-z0-9+/]{4,128}={0,2}$"
"""The id of a broadcast channel of Apple's: base64 (Apple, Sending channel management requests to APNs)."""
MOST_TOPICS: Final = 5
MOST_TEXT: Final = 4096
DEPTH: Final = 10
"""Parentheses within parentheses; five topics need fewer."""
_WORD: Final = re.compile(r"\s*(?:(?P<sign>&&|\|\||!|\(|\))|'(?P<topic>[a-zA-Z0-9._~%-]{1,900})'\s+in\s+topics\b)")


def condition_problem(text: str) -> str | None:
    """What is wrong with a condition, or None."""
    words = list(_words(text.strip()))
    if "?" in words:
        return "a condition reads like 'a' in topics && ('b' in topics || !('c' in topics))"
    if words.count("topic") > MOST_TOPICS:
        return f"at most {MOST_TOPICS} topics"
    rest = _expression(words, 0)
    return None if rest == [] else "a condition has an operator between two terms, and its parentheses in pairs"


def _words(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        found = _WORD.match(text, place)
        if found is None:
            yield "?"
            return
        yield found["sign"] or "topic"
        place = found.end()


def _expression(words: list[str], deep: int) -> list[str] | None:
    """What is left behind a whole expression; None if there is none."""
    rest = _term(words, deep)
    while rest and rest[0] in ("&&", "||"):
        rest = _term(rest[1:], deep)
    return rest


def _term(words: list[str], deep: int) -> list[str] | None:
    if not words or deep > DEPTH:
        return None
    first, rest = words[0], words[1:]
    if first == "!":
        return _term(rest, deep + 1)
    if first == "topic":
        return rest
    inside = _expression(rest, deep + 1) if first == "(" else None
    return inside[1:] if inside and inside[0] == ")" else None
