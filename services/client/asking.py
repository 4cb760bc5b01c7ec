"""The connection over HTTP, with `await`: each request repeated under its key until there is an answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx

from services.client.ask import Ask, again, answered, gone_before, left_open
from services.client.errors import CarillonError, Refused, TryLater, Unreachable
from services.client.following import QUIET, Following
from services.client.models import Status

PATIENCE: Final = timedelta(seconds=30)
TRIES: Final = 4

T = TypeVar("T")


class AsyncAsking:
    """Lives as long as its `with` block, and closes what it opened. Any number of tasks may share it.

    `timeout` bounds each try of a request, of which there are up to `tries`. Every call raises `Refused`, `TryLater` or
    `Unreachable`; the `key` of the latter two is the one to repeat it with.
    """

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE, tries: int = TRIES) -> None:
        self._secret = secret
        self._timeout = timeout.total_seconds()
        headers = {"authorization": f"Bearer {secret}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=self._timeout)
        self._tries = tries

    async def ask(self, ask: Ask[T]) -> T:
        """One request; what may be repeated is, while there is no answer or a later one is asked for."""
        tries = 0
        while True:
            tries += 1
            try:
                found = await self._once(ask)
                seconds = left_open(ask, found, tries, self._tries)
                if seconds is None:
                    return found
            except (TryLater, Unreachable) as error:
                seconds = again(ask, error, tries, self._tries)
                if seconds is None:
                    raise
            except Refused as error:
                if not gone_before(ask, error, tries):
                    raise
                return ask.read({})
            await asyncio.sleep(seconds)

    async def _once(self, ask: Ask[T]) -> T:
        try:
            answer = await self._http.request(
                ask.method, ask.path, json=ask.body, params=ask.query, headers=ask.headers
            )
            return answered(ask, answer.status_code, answer.content, answer.headers.get("retry-after"))
        except httpx.RequestError as error:
            raise Unreachable(no_answer(ask, error), ask.key) from error
        except CarillonError as error:
            error.key = ask.key
            raise

    async def events(self, send: str) -> AsyncGenerator[Status, None]:
        """A send as it goes on, to its end, at most four times a second; broken connections are taken up again.

        Who leaves before its end closes it: `async with aclosing(carillon.events(send)) as events`.
        """
        following = Following(send)
        while not following.over:
            try:
                async with aclosing(self._heard(following)) as heard:
                    async for status in heard:
                        yield status
            except (TryLater, Unreachable) as error:
                following.tries += 1
                seconds = again(following.ask, error, following.tries, self._tries)
                if seconds is None:
                    raise
                await asyncio.sleep(seconds)

    async def _heard(self, following: Following) -> AsyncGenerator[Status, None]:
        """What one connection tells. Raises `Unreachable` if it ends before the send does."""
        timeout = httpx.Timeout(self._timeout, read=max(self._timeout, QUIET.total_seconds()))
        headers = following.headers()
        try:
            async with self._http.stream("GET", following.path, headers=headers, timeout=timeout) as answer:
                if answer.status_code != HTTPStatus.OK:
                    content, after = await answer.aread(), answer.headers.get("retry-after")
                    answered(following.ask, answer.status_code, content, after)
                    following.over = True  # 204: there is nothing after what was seen
                async for piece in answer.aiter_bytes():
                    for status in following.heard(piece):
                        yield status
        except httpx.RequestError as error:
            raise Unreachable(no_answer(following.ask, error)) from error
        if not following.over:
            raise Unreachable(f"the stream of {following.path} ended")

    async def __aenter__(self) -> Self:
        """Ready for use."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes its connections."""
        await self._http.aclose()


def no_answer(ask: Ask[T], error: httpx.RequestError) -> str:
    """What was asked, and why nobody knows what became of it."""
    return f"no answer to {ask.method} {ask.path}: {str(error) or type(error).__name__}"
