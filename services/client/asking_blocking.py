"""The connection over HTTP, without `await`: the same as `asking`."""

import time
from collections.abc import Generator
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar

import httpx

from services.client.ask import Ask, again, answered, gone_before, left_open
from services.client.asking import PATIENCE, TRIES, no_answer
from services.client.errors import CarillonError, Refused, TryLater, Unreachable
from services.client.following import QUIET, Following
from services.client.models import Status

T = TypeVar("T")


class Asking:
    """As `AsyncAsking`; threads may share it."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE, tries: int = TRIES) -> None:
        self._secret = secret
        self._timeout = timeout.total_seconds()
        headers = {"authorization": f"Bearer {secret}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=self._timeout)
        self._tries = tries

    def ask(self, ask: Ask[T]) -> T:
        """As `AsyncAsking.ask`."""
        tries = 0
        while True:
            tries += 1
            try:
                found = self._once(ask)
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
            time.sleep(seconds)

    def _once(self, ask: Ask[T]) -> T:
        try:
            answer = self._http.request(ask.method, ask.path, json=ask.body, params=ask.query, headers=ask.headers)
            return answered(ask, answer.status_code, answer.content, answer.headers.get("retry-after"))
        except httpx.RequestError as error:
            raise Unreachable(no_answer(ask, error), ask.key) from error
        except CarillonError as error:
            error.key = ask.key
            raise

    def events(self, send: str) -> Generator[Status, None, None]:
        """As `AsyncAsking.events`; who leaves before its end closes it with `contextlib.closing`."""
        following = Following(send)
        while not following.over:
            try:
                with closing(self._heard(following)) as heard:
                    yield from heard
            except (TryLater, Unreachable) as error:
                following.tries += 1
                seconds = again(following.ask, error, following.tries, self._tries)
                if seconds is None:
                    raise
                time.sleep(seconds)

    def _heard(self, following: Following) -> Generator[Status, None, None]:
        timeout = httpx.Timeout(self._timeout, read=max(self._timeout, QUIET.total_seconds()))
        headers = following.headers()
        try:
            with self._http.stream("GET", following.path, headers=headers, timeout=timeout) as answer:
                if answer.status_code != HTTPStatus.OK:
                    content, after = answer.read(), answer.headers.get("retry-after")
                    answered(following.ask, answer.status_code, content, after)
                    following.over = True  # 204: there is nothing after what was seen
                for piece in answer.iter_bytes():
                    yield from following.heard(piece)
        except httpx.RequestError as error:
            raise Unreachable(no_answer(following.ask, error)) from error
        if not following.over:
            raise Unreachable(f"the stream of {following.path} ended")

    def __enter__(self) -> Self:
        """Ready for use."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes its connections."""
        self._http.close()
