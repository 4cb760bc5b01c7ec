"""The API over HTTP without `await`: the same as `services.client.http`.

A client lives as long as its `with` block and closes what it opened. It may be shared by threads.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Unpack, overload

from services.client import asks
from services.client.composing import Options, new_key, preview_of, request_of
from services.client.http import LOOK_AGAIN
from services.client.models import Accepted, Outcome, Status, Valid
from services.client.outcomes_blocking import Outcomes
from services.client.stock_blocking import Stock
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateView
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.preview import PreviewView
from shared.flow.send import SendRequest, TemplateRef


class Client(Outcomes, Stock):
    """An app's backend, by its secret. Every call raises `Refused`, `TryLater` or `Unreachable`."""

    @overload
    def send(
        self, audience: Audience, message: Message | None = None, *, validate_only: Literal[True],
        key: str | None = None, **rest: Unpack[Options],
    ) -> Valid: ...  # fmt: skip
    @overload
    def send(
        self, audience: Audience, message: Message | None = None, *, key: str | None = None, **rest: Unpack[Options]
    ) -> Accepted: ...
    def send(
        self, audience: Audience, message: Message | None = None, *, validate_only: bool = False,
        key: str | None = None, **rest: Unpack[Options],
    ) -> Accepted | Valid:  # fmt: skip
        """As `AsyncClient.send`."""
        if validate_only:
            return self.validate(audience, message, **rest)
        return self.ask(asks.send(request_of(audience, message, rest), key or new_key()))

    def send_many(self, requests: Sequence[SendRequest], *, key: str | None = None) -> list[Outcome]:
        """As `AsyncClient.send_many`."""
        return self.ask(asks.batch(requests, key or new_key()))

    def validate(self, audience: Audience, message: Message | None = None, **rest: Unpack[Options]) -> Valid:
        """As `AsyncClient.validate`."""
        return self.ask(asks.validate(request_of(audience, message, rest)))

    def estimate(self, audience: Audience) -> EstimateView:
        """As `AsyncClient.estimate`."""
        return self.ask(asks.estimate(audience))

    def preview(
        self, device: str, message: Message | None = None, *, template: TemplateRef | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> PreviewView:  # fmt: skip
        """As `AsyncClient.preview`."""
        return self.ask(asks.preview(preview_of(device, message, template, values)))

    def cancel(self, send: str, *, key: str | None = None) -> Status:
        """As `AsyncClient.cancel`."""
        return self.ask(asks.order(send, Wish.CANCEL, key))

    def pause(self, send: str, *, key: str | None = None) -> Status:
        """As `AsyncClient.pause`."""
        return self.ask(asks.order(send, Wish.PAUSE, key or new_key()))

    def resume(self, send: str, *, key: str | None = None) -> Status:
        """As `AsyncClient.resume`."""
        return self.ask(asks.order(send, Wish.RESUME, key or new_key()))

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
