"""The AMQP door: commands that backends publish, stored with majority before they are acked.

Unreadable bytes, no app named, or a signature that does not hold: dead letters, with the reason. Readable and signed
but invalid: a rejected send, stored and readable by its id. In a bundle, each command is decided by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from services.planner.answering import Read
from services.planner.told import Told, id_for, told
from services.planner.unpacking import Raw, named_app, unpacked
from shared.bus.incoming import Incoming
from shared.flow.accept import accept, lists_of, unread
from shared.flow.identity import send_key
from shared.flow.send import Command, Problem, Send, SendRequest
from shared.flow.size import too_large
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
        commands = unpacked(incoming.body)
        app = named_app(commands)
        changes = await self._authenticated(app, incoming)
        return [told(app, one) if "do" in one.said else await self._one(app, one, changes) for one in commands]

    async def _authenticated(self, app: str, incoming: Incoming) -> int:
        """How often the app's variants and rules were changed, which is read together. Raises `Unreadable`."""
        if self.by_user:
            if incoming.user_id != f"{BACKEND}{app}":
                message = f"the property user-id is not {BACKEND}{app}"
                raise Unreadable(message)
            return await self.apps.changes(app)
        signature = incoming.headers.get(SIGNATURE)
        if not isinstance(signature, str):
            message = f"header {SIGNATURE} is missing"
            raise Unreadable(message)
        changes = await self.apps.changes_if_signed(app, incoming.body, signature)
        if changes is None:
            message = f"header {SIGNATURE} does not hold for app {app}"
            raise Unreadable(message)
        return changes

    async def _one(self, app: str, raw: Raw, changes: int) -> Read:
        try:
            command = Command.model_validate_json(raw.text, strict=True)
        except ValidationError as error:
            key, check_only = send_key(app, id_for(raw.said, raw.mark)), raw.said.get("validate_only") is True
            return self._rejected(app, key, raw, problems_of(error), check_only=check_only)
        key, request = send_key(app, command.id), command.request()
        if (most := raw.limit_broken(request)) is not None:
            problem = Problem(pointer="", detail=too_large(most))
            return self._rejected(app, key, raw, [problem], check_only=command.validate_only)
        said = await said_in_full(request, app, self.templates)
        if isinstance(said, Problem):
            return self._rejected(app, key, raw, [said], check_only=command.validate_only)
        roster = await self.rosters.of(app, changes=changes)
        request = canonical(said, roster.targets)
        send = await self._accepted(request, key, app, roster)
        if send.problems and not roster.fresh:
            roster = await self.rosters.of(app, fresh=True)
            send = await self._accepted(request, key, app, roster)
        return Read(_marked(send, raw.mark), {} if send.problems else lists_of(request), request.validate_only)

    async def _accepted(self, request: SendRequest, key: str, app: str, roster: Roster) -> Send:
        terms = await self.terms.of(app, request, roster)
        return accept(request, app, key, roster.targets, self.clock.now(), "amqp", check=check_message, terms=terms)

    def _rejected(self, app: str, key: str, raw: Raw, problems: Sequence[Problem], *, check_only: bool) -> Read:
        return Read(_marked(unread(app, key, problems, self.clock.now()), raw.mark), {}, check_only)


def _marked(send: Send, mark: str) -> Send:
    """Its lists stand under its mark: another command under the same id must not get in between with its own."""
    named = {"lists_of": f"{send.key}/{mark}"} if send.lists else {}
    return send.model_copy(update={"fingerprint": mark, **named})
