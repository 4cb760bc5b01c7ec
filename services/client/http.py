"""The API over HTTP, with `await`: asks, each repeated under one key until there is an answer.

A client lives as long as its `with` block and closes what it opened. It may be shared by any number of tasks.
"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from services.client import asks
from services.client.asks import Ask
from services.client.errors import TryLater, Unreachable
from services.client.models import Accepted, Device, Outcome, Status
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.send import SendRequest

PATIENCE: Final = timedelta(seconds=30)
TRIES: Final = 4
LOOK_AGAIN: Final = timedelta(seconds=0.5)
LEAST_PAUSE: Final = 0.2
"""Seconds, doubled with every try."""

T = TypeVar("T")


def new_key() -> str:
    return uuid.uuid4().hex


def pause(error: TryLater | Unreachable, tries: int) -> float:
    """How long to wait before the next try, in seconds."""
    asked = error.after.total_seconds() if isinstance(error, TryLater) else 0.0
    return max(asked, LEAST_PAUSE * 2.0**tries)


class AsyncClient:
    """An app's backend, by its secret. Every call raises `Refused`, `TryLater` or `Unreachable`."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE, tries: int = TRIES) -> None:
        headers = {"authorization": f"Bearer {secret}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout.total_seconds())
        self._tries = tries

    async def send(
        self, audience: Audience, message: Message | None = None, *, key: str | None = None, **rest: Any
    ) -> Accepted:
        """Sends a message, or the `template` in `rest`, which are the other fields of `SendRequest`.

        Repeated with the same key it is one send.
        """
        return await self.ask(asks.send(asks.request_of(audience, message, rest), key or new_key()))

    async def send_many(self, requests: Sequence[SendRequest], *, key: str | None = None) -> list[Outcome]:
        """Up to 1,000 sends that have nothing to do with each other; their outcomes in the same order."""
        return await self.ask(asks.batch(requests, key or new_key()))

    async def validate(self, audience: Audience, message: Message | None = None, **rest: Any) -> None:
        """Returns if such a send would be accepted."""
        await self.ask(asks.validate(asks.request_of(audience, message, rest)))

    async def status(self, send: str) -> Status:
        """What has become of a send by now."""
        return await self.ask(asks.status(send))

    async def cancel(self, send: str) -> Status:
        """Calls a send off; how it stands then. May be repeated."""
        return await self.ask(asks.order(send, Wish.CANCEL))

    async def pause(self, send: str) -> Status:
        """Makes a send wait. May be repeated."""
        return await self.ask(asks.order(send, Wish.PAUSE))

    async def resume(self, send: str) -> Status:
        """Lets it go on. May be repeated."""
        return await self.ask(asks.order(send, Wish.RESUME))

    async def replace(self, send: str, request: SendRequest) -> Status:
        """Another message, audience or time for a scheduled send that has not begun."""
        return await self.ask(asks.replace(send, request))

    async def finished(self, send: str, *, every: timedelta = LOOK_AGAIN) -> Status:
        """What became of a send, when it has ended. Waits as long as it takes: use `asyncio.timeout`."""
        while not (found := await self.status(send)).ended:  # noqa: ASYNC110  # it ends in another process
            await asyncio.sleep(every.total_seconds())
        return found

    async def register(self, variant: str, token: str, *, key: str | None = None, **said: Any) -> Device:
        """Registers a device, or registers it again; `said` are user, tags, attributes, locale, zone, installation."""
        return await self.ask(asks.register({"variant": variant, "token": token, **said}, key or new_key()))

    async def change(self, device: str, **said: Any) -> None:
        """Changes what is known of a device; what is not named stays."""
        await self.ask(asks.change(device, said))

    async def remove(self, device: str) -> None:
        """Removes a device."""
        await self.ask(asks.remove(device))

    async def ask(self, ask: Ask[T]) -> T:
        """One request; what may be repeated is, while there is no answer or a later one is asked for."""
        tries = 0
        while True:
            try:
                return await self._once(ask)
            except (TryLater, Unreachable) as error:
                tries += 1
                if tries >= self._tries or not ask.repeatable:
                    raise
                await asyncio.sleep(pause(error, tries))

    async def _once(self, ask: Ask[T]) -> T:
        try:
            answer = await self._http.request(ask.method, ask.path, json=ask.body, headers=headers_of(ask))
        except httpx.TransportError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return asks.answered(ask, answer.status_code, answer.content, answer.headers.get("retry-after"))

    async def __aenter__(self) -> Self:
        """Ready for use."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes its connections."""
        await self._http.aclose()


def headers_of(ask: Ask[T]) -> dict[str, str]:
    """Its key, if it has one."""
    return {} if ask.key is None else {"idempotency-key": ask.key}
