"""The API over HTTP, with `await`: a backend sends, asks first, and orders what becomes of a send.

A client lives as long as its `with` block and closes what it opened. It may be shared by any number of tasks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, Unpack, overload

from services.client import asks
from services.client.composing import Options, new_key, preview_of, request_of
from services.client.models import Accepted, Outcome, Status, Valid
from services.client.outcomes import AsyncOutcomes
from services.client.stock import AsyncStock
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateView
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.preview import PreviewView
from shared.flow.send import SendRequest, TemplateRef

LOOK_AGAIN: Final = timedelta(seconds=0.5)


class AsyncClient(AsyncOutcomes, AsyncStock):
    """An app's backend, by its secret. Every call raises `Refused`, `TryLater` or `Unreachable`."""

    @overload
    async def send(
        self, audience: Audience, message: Message | None = None, *, validate_only: Literal[True],
        key: str | None = None, **rest: Unpack[Options],
    ) -> Valid: ...  # fmt: skip
    @overload
    async def send(
        self, audience: Audience, message: Message | None = None, *, key: str | None = None, **rest: Unpack[Options]
    ) -> Accepted: ...
    async def send(
        self, audience: Audience, message: Message | None = None, *, validate_only: bool = False,
        key: str | None = None, **rest: Unpack[Options],
    ) -> Accepted | Valid:  # fmt: skip
        """Sends a message, or the `template` in `rest`, which are the other fields of `SendRequest`.

        Repeated with the same key it is one send. With `validate_only` it is `validate`.
        """
        if validate_only:
            return await self.validate(audience, message, **rest)
        return await self.ask(asks.send(request_of(audience, message, rest), key or new_key()))

    async def send_many(self, requests: Sequence[SendRequest], *, key: str | None = None) -> list[Outcome]:
        """From 1 to 1,000 sends that have nothing to do with each other; their outcomes in the same order."""
        return await self.ask(asks.batch(requests, key or new_key()))

    async def validate(self, audience: Audience, message: Message | None = None, **rest: Unpack[Options]) -> Valid:
        """Returns if such a send would be accepted, and says what it would go to. Nothing is stored."""
        return await self.ask(asks.validate(request_of(audience, message, rest)))

    async def estimate(self, audience: Audience) -> EstimateView:
        """About how many devices an audience has now, by platform and variant. Nothing is sent."""
        return await self.ask(asks.estimate(audience))

    async def preview(
        self, device: str, message: Message | None = None, *, template: TemplateRef | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> PreviewView:  # fmt: skip
        """What the provider would be sent for a device, of a message or a stored template. Nothing is sent.

        `values`: as a send would give them for the device's user.
        """
        return await self.ask(asks.preview(preview_of(device, message, template, values)))

    async def cancel(self, send: str, *, key: str | None = None) -> Status:
        """Calls a send off for good, also half-way; how it stands then. May be repeated."""
        return await self.ask(asks.order(send, Wish.CANCEL, key))

    async def pause(self, send: str, *, key: str | None = None) -> Status:
        """Makes a send wait. Repeated with the same key it is one order, whatever was ordered in between."""
        return await self.ask(asks.order(send, Wish.PAUSE, key or new_key()))

    async def resume(self, send: str, *, key: str | None = None) -> Status:
        """Lets it go on. Repeated with the same key it is one order, as `pause` is."""
        return await self.ask(asks.order(send, Wish.RESUME, key or new_key()))

    async def replace(self, send: str, request: SendRequest) -> Status:
        """Another message, audience or time for a scheduled send that has not begun; how it stands then."""
        return await self.ask(asks.replace(send, request))

    async def finished(self, send: str, *, every: timedelta = LOOK_AGAIN) -> Status:
        """What became of a send, when it has ended. Waits as long as it takes: use `asyncio.timeout`."""
        while not (found := await self.status(send)).ended:  # noqa: ASYNC110  # it ends in another process
            await asyncio.sleep(every.total_seconds())
        return found
