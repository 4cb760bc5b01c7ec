"""The API over HTTP without `await`: the same asks as `services.client.http`, each repeated until there is an answer.

A client lives as long as its `with` block and closes what it opened. It may be shared by threads.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from services.client import asks
from services.client.asks import Ask
from services.client.errors import TryLater, Unreachable
from services.client.http import LOOK_AGAIN, PATIENCE, TRIES, headers_of, new_key, pause
from services.client.models import Accepted, Device, Outcome, Status
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.send import SendRequest

T = TypeVar("T")


class Client:
    """An app's backend, by its secret. Every call raises `Refused`, `TryLater` or `Unreachable`."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE, tries: int = TRIES) -> None:
        headers = {"authorization": f"Bearer {secret}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout.total_seconds())
        self._tries = tries

    def send(
        self, audience: Audience, message: Message | None = None, *, key: str | None = None, **rest: Any
    ) -> Accepted:
        """As `AsyncClient.send`."""
        return self.ask(asks.send(asks.request_of(audience, message, rest), key or new_key()))

    def send_many(self, requests: Sequence[SendRequest], *, key: str | None = None) -> list[Outcome]:
        """As `AsyncClient.send_many`."""
        return self.ask(asks.batch(requests, key or new_key()))

    def validate(self, audience: Audience, message: Message | None = None, **rest: Any) -> None:
        """As `AsyncClient.validate`."""
        self.ask(asks.validate(asks.request_of(audience, message, rest)))

    def status(self, send: str) -> Status:
        """As `AsyncClient.status`."""
        return self.ask(asks.status(send))

    def cancel(self, send: str) -> Status:
        """As `AsyncClient.cancel`."""
        return self.ask(asks.order(send, Wish.CANCEL))

    def pause(self, send: str) -> Status:
        """As `AsyncClient.pause`."""
        return self.ask(asks.order(send, Wish.PAUSE))

    def resume(self, send: str) -> Status:
        """As `AsyncClient.resume`."""
        return self.ask(asks.order(send, Wish.RESUME))

    def replace(self, send: str, request: SendRequest) -> Status:
        """As `AsyncClient.replace`."""
        return self.ask(asks.replace(send, request))

    def finished(self, send: str, *, within: timedelta | None = None, every: timedelta = LOOK_AGAIN) -> Status:
        """As `AsyncClient.finished`. Raises `TimeoutError` if it did not end within that time."""
        end = None if within is None else time.monotonic() + within.total_seconds()
        while not (found := self.status(send)).ended:
            if end is not None and time.monotonic() > end:
                message = f"{send} is {found.state}"
                raise TimeoutError(message)
            time.sleep(every.total_seconds())
        return found

    def register(self, variant: str, token: str, *, key: str | None = None, **said: Any) -> Device:
        """As `AsyncClient.register`."""
        return self.ask(asks.register({"variant": variant, "token": token, **said}, key or new_key()))

    def change(self, device: str, **said: Any) -> None:
        """As `AsyncClient.change`."""
        self.ask(asks.change(device, said))

    def remove(self, device: str) -> None:
        """As `AsyncClient.remove`."""
        self.ask(asks.remove(device))

    def ask(self, ask: Ask[T]) -> T:
        """As `AsyncClient.ask`."""
        tries = 0
        while True:
            try:
                return self._once(ask)
            except (TryLater, Unreachable) as error:
                tries += 1
                if tries >= self._tries or not ask.repeatable:
                    raise
                time.sleep(pause(error, tries))

    def _once(self, ask: Ask[T]) -> T:
        try:
            answer = self._http.request(ask.method, ask.path, json=ask.body, headers=headers_of(ask))
        except httpx.TransportError as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        return asks.answered(ask, answer.status_code, answer.content, answer.headers.get("retry-after"))

    def __enter__(self) -> Self:
        """Ready for use."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes its connections."""
        self._http.close()
