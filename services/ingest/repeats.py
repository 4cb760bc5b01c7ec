"""Requests with an `Idempotency-Key`: the first is worked, a repetition gets the first one's answer.

What a request makes is drawn from the key's seed, so that whoever repeats it, in any process and after any crash, makes
the same thing once more, which is nothing new. Endpoints that do not draw everything are worked by one at a time.
"""

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from pydantic import BaseModel

from services.ingest.call import Call, Endpoint, Reply
from services.ingest.problems import OUTCOME_UNKNOWN, Refused, refused, unavailable
from shared.flow.drawing import drawn_from
from shared.store.errors import Missing, StoreAway, Taken, never_written
from shared.store.keyed import FirstAnswer, Keyed, KeyedRequests

HEADER: Final = "idempotency-key"
REPLAYED: Final = "idempotent-replayed"
"""On an answer that was given before; Stripe's name for it."""
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
LEASE: Final = timedelta(seconds=30)
"""Whoever works a request without an answer for longer is taken for dead."""
PATIENCE: Final = timedelta(seconds=15)
"""So long a repetition waits for the answer of whoever works the first."""
LOOK_AGAIN: Final = 0.05
"""Seconds between two looks for that answer."""
RETRY_AFTER: Final = 5

Work = Callable[[Call], Awaitable[Reply]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Repeats:
    """Lives as long as the process. `now` is the store's time."""

    keyed: KeyedRequests
    now: Callable[[], datetime]

    async def answer(self, endpoint: Endpoint, call: Call, key: str, asked: str, work: Work) -> FirstAnswer | Reply:
        """What `work` replies to the first request with this key, or else the answer that was given then.

        `asked` is method and address. Raises `Refused`, and what `work` raises.
        """
        if KEY.fullmatch(key) is None:
            detail = "header Idempotency-Key: from 1 to 255 visible ASCII characters"
            raise refused(HTTPStatus.BAD_REQUEST, detail)
        owner, print_ = secrets.token_hex(8), fingerprint(asked, call.body)
        keyed = await self._claimed(
            f"{call.key.app or 'operator'}|{call.key.kind}", key, print_, owner, drawn=endpoint.drawn
        )
        if keyed.answer is not None:
            return keyed.answer
        return await self._worked(keyed, replace(call, bits=drawn_from(keyed.seed), at=keyed.at), work)

    async def _claimed(self, whose: str, key: str, print_: bytes, owner: str, *, drawn: bool) -> Keyed:
        """The key with its answer, or ours to work. Raises `Refused` if it stands for another request.

        What is drawn is worked at once, whoever else may be at it: the last of them finds everything made.
        """
        end = self.now() + PATIENCE
        while self.now() < end:
            keyed = await self.keyed.claim(whose, key, print_, owner, self.now(), LEASE)
            if keyed is not None and keyed.fingerprint != print_:
                raise refused(HTTPStatus.CONFLICT, "this Idempotency-Key was used for another request")
            if keyed is not None and keyed.answer is None and keyed.owner != owner:
                keyed = await self.keyed.take_over(keyed, owner, self.now(), LEASE, at_once=drawn)
            if keyed is not None:
                return keyed
            await asyncio.sleep(LOOK_AGAIN)
        raise unavailable("the first request with this key is still being worked", RETRY_AFTER)

    async def _worked(self, keyed: Keyed, call: Call, work: Work) -> FirstAnswer | Reply:
        try:
            reply = await work(call)
        except Exception as error:
            await self._not_answered(keyed, error)
            raise
        body = reply.body.model_dump_json().encode() if isinstance(reply.body, BaseModel) else b""
        answer = FirstAnswer(reply.status, body, reply.location, secrets.token_hex(8))
        try:
            if not reply.settled:
                await self.keyed.give_up(keyed, self.now())
                return reply
            kept = await self.keyed.keep(keyed, answer)
        except StoreAway as error:
            log.warning("answer_not_kept", error=type(error).__name__)
            return reply
        return reply if kept.by == answer.by else kept

    async def _not_answered(self, keyed: Keyed, error: Exception) -> None:
        """A refusal frees the key. Where something may have been stored, the next request goes on from here."""
        try:
            if not (changes_nothing(error) and await self.keyed.drop(keyed)):
                await self.keyed.give_up(keyed, self.now())
        except StoreAway:
            log.warning("key_not_freed")


def changes_nothing(error: Exception) -> bool:
    """Whether a request that ended so has surely stored nothing."""
    match error:
        case Refused():
            return error.document.type != OUTCOME_UNKNOWN
        case Missing() | Taken():
            return True
        case StoreAway():
            return never_written(error)
        case _:
            return False


def fingerprint(asked: str, body: BaseModel | None) -> bytes:
    """What makes two requests the same: method, address and what the body says, in whatever order it says it."""
    said = "" if body is None else json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return hashlib.blake2b(f"{asked}\n{said}".encode(), digest_size=20).digest()
