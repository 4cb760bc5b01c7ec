"""Takes a message of the AMQP door apart: the app that it names and its commands, each with its text. Pure."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from shared.flow.identity import APP_ID
from shared.flow.send import SendRequest
from shared.flow.size import LARGE, SMALL, bytes_of, most_bytes
from shared.taking import Unreadable

MOST: Final = 1000
"""Commands in one bundle."""
ENVELOPE: Final = frozenset({"v", "app", "id", "do", "key"})
"""What a command has beside the request in it."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One command as it was written."""

    said: dict[str, Any]
    text: str
    """The same as JSON, its members in one order."""
    mark: str
    """Of the text: tells it apart from others."""

    def limit_broken(self, request: SendRequest) -> int | None:
        """The limit that it is beyond, if it asks for this; nothing is looked at of a small one."""
        return most if len(self.text) > SMALL and self.larger_than(most := most_bytes(request)) else None

    def larger_than(self, most: int) -> bool:
        """Whether the request in it would have more bytes over HTTP. Its text, all escaped, is never shorter."""
        return len(self.text) > most and bytes_of(self.said, ENVELOPE) > most


def unpacked(body: bytes) -> list[Raw]:
    """The commands of a message: one object, or `{"v": 1, "commands": [...]}`. Raises `Unreadable`."""
    if len(body) > LARGE:
        message = f"the body has more than {LARGE:,} bytes"
        raise Unreadable(message)
    try:
        return [_raw(one) for one in _commands(json.loads(body))]
    except (ValueError, RecursionError) as error:
        message = "the body is not JSON"
        raise Unreadable(message) from error


def _commands(value: Any) -> list[dict[str, Any]]:
    bundle = isinstance(value, dict) and "commands" in value
    commands = value["commands"] if bundle else [value]
    if bundle and (set(value) - {"v", "commands"} or value.get("v", 1) != 1):
        message = "a bundle has v: 1 and commands, nothing else"
        raise Unreadable(message)
    if not isinstance(commands, list) or not commands or not all(isinstance(one, dict) for one in commands):
        message = "a message holds one command, or a bundle of at least one"
        raise Unreadable(message)
    if len(commands) > MOST:
        message = f"a bundle holds at most {MOST} commands"
        raise Unreadable(message)
    return commands


def _raw(said: dict[str, Any]) -> Raw:
    text = json.dumps(said, sort_keys=True)
    return Raw(said, text, hashlib.blake2b(text.encode(), digest_size=12).hexdigest())


def named_app(commands: list[Raw]) -> str:
    """The app that every command of a message names. Raises `Unreadable`."""
    named = [one.said.get("app") for one in commands]
    app = named[0]
    if not isinstance(app, str) or APP_ID.fullmatch(app) is None or any(one != app for one in named):
        message = "every command names the app, the same in one message"
        raise Unreadable(message)
    return app
