"""The AMQP door: commands that backends publish, stored with majority before they are acked.

Unreadable bytes, no app named, or a signature that does not hold: dead letters, with the reason. Readable and signed
but invalid: a rejected send, stored and readable by its id. In a bundle, each command is decided by itself.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from services.planner.told import Told, id_for, told
from shared.bus.incoming import Incoming
from shared.bus.topology import EXTERNAL
from shared.flow.accept import accept, lists_of, unread
from shared.flow.answer import CommandAnswer
from shared.flow.identity import APP_ID, send_key
from shared.flow.send import Command, Problem, Send, SendRequest
from shared.providers.registry import check_message, problems_of
from shared.referring import said_in_full
from shared.roster import Roster, Rosters, canonical
from shared.runtime.clock import Clock
from shared.store.apps import Apps
from shared.store.templates import Templates
from shared.taking import Unreadable
from shared.terms import TermsBook

SIGNATURE: Final = "carillon-signature"
"""Header: the hex HMAC-SHA256 of the message body with the app's secret."""
BACKEND: Final = "backend-"
"""The broker's user of an app is named so; the broker checks that the property user-id is the user's."""
DIRECT_REPLY: Final = "amq.rabbitmq.reply-to"
MOST_BYTES: Final = 32_000_000
"""As over HTTP: a million recipients named by 30 bytes each."""
MOST: Final = 1000
"""Commands in one bundle."""
USED: Final = Problem(pointer="/id", detail="another send has this id")


@dataclass(frozen=True, slots=True)
class Read:
    """One command of a message: the send it makes, and the lists to store before it."""

    send: Send
    lists: dict[str, tuple[str, ...]]
    check_only: bool = False
    """It asks only whether it is valid: nothing is stored."""

    @property
    def app(self) -> str:
        """The app whose send it is."""
        return self.send.app


@dataclass(frozen=True, slots=True)
class Door:
    """Lives as long as the process."""

    apps: Apps
    templates: Templates
    rosters: Rosters
    terms: TermsBook
    clock: Clock
    by_user: bool
    """Trust the broker's user, `backend-<app>`, instead of a signature."""

    async def read(self, incoming: Incoming) -> list[Read | Told]:
        """Every command of a message. Raises `Unreadable`."""
        if len(incoming.body) > MOST_BYTES:
            message = f"the body has more than {MOST_BYTES:,} bytes"
            raise Unreadable(message)
        commands = unpacked(incoming.body)
        app = named_app(commands)
        await self._authenticate(app, incoming)
        return [told(app, one) if "do" in one else await self._one(app, one) for one in commands]

    async def _authenticate(self, app: str, incoming: Incoming) -> None:
        if self.by_user:
            if incoming.user_id != f"{BACKEND}{app}":
                message = f"the property user-id is not {BACKEND}{app}"
                raise Unreadable(message)
            return
        signature = incoming.headers.get(SIGNATURE)
        if not isinstance(signature, str):
            message = f"header {SIGNATURE} is missing"
            raise Unreadable(message)
        if not await self.apps.signed(app, incoming.body, signature):
            message = f"header {SIGNATURE} does not hold for app {app}"
            raise Unreadable(message)

    async def _one(self, app: str, raw: dict[str, Any]) -> Read:
        text = json.dumps(raw, sort_keys=True)
        print_ = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        try:
            command = Command.model_validate_json(text, strict=True)
        except ValidationError as error:
            send = unread(app, send_key(app, id_for(raw, print_)), problems_of(error), self.clock.now())
            return Read(_marked(send, print_), {}, check_only=raw.get("validate_only") is True)
        key = send_key(app, command.id)
        said = await said_in_full(command.request(), app, self.templates)
        if isinstance(said, Problem):
            send = _marked(unread(app, key, [said], self.clock.now()), print_)
            return Read(send, {}, check_only=command.validate_only)
        roster = await self.rosters.of(app)
        request = canonical(said, roster.targets)
        send = await self._accepted(request, key, app, roster)
        if send.problems and not roster.fresh:
            roster = await self.rosters.of(app, fresh=True)
            send = await self._accepted(request, key, app, roster)
        return Read(_marked(send, print_), {} if send.problems else lists_of(request), request.validate_only)

    async def _accepted(self, request: SendRequest, key: str, app: str, roster: Roster) -> Send:
        terms = await self.terms.of(app, request, roster)
        return accept(request, app, key, roster.targets, self.clock.now(), "amqp", check=check_message, terms=terms)


def unpacked(body: bytes) -> list[dict[str, Any]]:
    """The commands of a message: one object, or `{"v": 1, "commands": [...]}`. Raises `Unreadable`."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = "the body is not JSON"
        raise Unreadable(message) from error
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


def named_app(commands: list[dict[str, Any]]) -> str:
    """The app that every command of a message names. Raises `Unreadable`."""
    apps = {str(one.get("app")) for one in commands}
    app = apps.pop()
    if apps or not isinstance(commands[0].get("app"), str) or APP_ID.fullmatch(app) is None:
        message = "every command names the app, the same in one message"
        raise Unreadable(message)
    return app


def _marked(send: Send, print_: str) -> Send:
    return send.model_copy(update={"fingerprint": print_})


def may_reply(app: str, reply_to: str | None) -> bool:
    """Only direct reply-to, or a queue that is the app's own by its name."""
    return reply_to is not None and (
        reply_to == DIRECT_REPLY or reply_to.startswith((f"{DIRECT_REPLY}.", f"{EXTERNAL}{app}."))
    )


def answer(read: Read, first: Send | None) -> CommandAnswer:
    """What the backend hears about one command; `first`: the send that had its id before."""
    send = read.send
    if first is not None and other_than(first, send):
        return CommandAnswer(id=send.id, state="rejected", errors=(USED,), conflict=True)
    told = first or send
    state: Literal["accepted", "valid"] = "valid" if read.check_only else "accepted"
    return CommandAnswer(
        id=send.id, state="rejected" if told.problems else state, errors=told.problems, duplicate=first is not None
    )


def other_than(first: Send, send: Send) -> bool:
    """Whether an id that is used stands for another request than this."""
    return first.fingerprint != send.fingerprint
