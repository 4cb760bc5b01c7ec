"""A backend that keeps a journal of promises: campaigns to everyone, and a trickle of messages to single users."""

import asyncio
import itertools
import secrets
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import httpx

from tests.chaos.checker.ledger import MARK
from tests.chaos.journal import Journal

Json = dict[str, Any]
OUTCOME_UNKNOWN: Final = "/problems/outcome-unknown"
AGAIN_AFTER: Final = 0.25
NOTICED: Final = 0.2


class Backend:
    """Speaks HTTP under the app's secret. What it meant is in the journal before it is asked, the answer after."""

    def __init__(self, http: httpx.AsyncClient, journal: Journal, options: Json) -> None:
        """`options` go with every send: its ttl, and what may be sent twice."""
        self._http = http
        self.journal = journal
        self._options = options
        self._numbers = itertools.count()
        self._run = secrets.token_hex(3)
        self.marks: dict[str, str] = {}
        """Of promised sends, by id."""

    def mark(self, kind: str) -> str:
        return f"{self._run}-{kind}-{next(self._numbers)}"

    def body(self, mark: str, audience: Json) -> Json:
        message = {"title": "The bells ring", "body": "Come and listen.", "data": {MARK: mark}}
        return {"audience": audience, "message": message, **self._options}

    async def send(self, kind: str, audience: Json) -> str | None:
        """The send's id if it was promised."""
        mark = self.mark(kind)
        self.journal.write(event="intended", mark=mark, audience=audience)
        try:
            answer = await self._http.post("/v1/sends", json=self.body(mark, audience))
        except httpx.HTTPError:
            self.journal.write(event="unknown", mark=mark)
            return None
        if answer.status_code == httpx.codes.ACCEPTED:
            id_ = str(answer.json()["id"])
            self.journal.write(event="promised", mark=mark, id=id_)
            self.marks[id_] = mark
            return id_
        unknown = OUTCOME_UNKNOWN in answer.text
        self.journal.write(event="unknown" if unknown else "refused", mark=mark, status=answer.status_code)
        return None

    async def campaign(self) -> str:
        """To everyone."""
        return await self.surely("campaign", {"everyone": True})

    async def surely(self, kind: str, audience: Json) -> str:
        """Asked again, as another send, until it is promised."""
        while True:
            id_ = await self.send(kind, audience)
            if id_ is not None:
                return id_
            await asyncio.sleep(AGAIN_AFTER)

    async def is_finished(self, id_: str) -> bool:
        """Whether its report is final; not, as long as the door is shut."""
        try:
            answer = await self._http.get(f"/v1/sends/{id_}")
        except httpx.HTTPError:
            return False
        return answer.is_success and answer.json()["state"] == "finished"

    async def finished(self, id_: str) -> Json:
        """The report of a send once it is final, however long that takes."""
        while True:
            try:
                answer = await self._http.get(f"/v1/sends/{id_}")
                if answer.is_success and answer.json()["state"] == "finished":
                    report: Json = answer.json()["report"]
                    return report
            except httpx.HTTPError:
                pass  # a door that is shut for the moment
            await asyncio.sleep(NOTICED)

    async def trickle(self, users: Sequence[str], rate: float, chance: Random, over: asyncio.Event) -> None:
        """Single sends, so many a second, until it is over; a slow answer holds up none of the others.

        What was asked by then is waited for: a request that is cancelled as it connects leaves its socket open.
        """
        async with asyncio.TaskGroup() as sends:
            while not over.is_set():
                await asyncio.sleep(chance.expovariate(rate))
                sends.create_task(self.send("single", {"users": [chance.choice(users)]}))

    async def change(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> Json:
        """A call that must work; asked again while the door is shut."""
        headers = {"authorization": f"Bearer {key}"} if key else None
        while True:
            try:
                answer = await self._http.request(method, path, json=body, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_AFTER)
                continue
            if not answer.is_server_error:
                answer.raise_for_status()
                found: Json = answer.json() if answer.content else {}
                return found
            await asyncio.sleep(AGAIN_AFTER)
