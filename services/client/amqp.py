"""Commands over AMQP, with `await`: what `AsyncClient` does over HTTP, as far as it can be asked for on this door.

`AsyncCommands` may be shared by any number of tasks, and lives as long as its `with` block.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

from services.client import commands
from services.client.commands import Said, accepted, ordered
from services.client.composing import Options, new_key, preview_of, request_of
from services.client.errors import CarillonError
from services.client.exchange import Exchange
from services.client.models import Valid
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateView
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.preview import PreviewView
from shared.flow.send import SendRequest, TemplateRef

PATIENCE: Final = timedelta(seconds=30)
T = TypeVar("T")


class AsyncCommands:
    """An app's backend, by its secret. `timeout` is how long an answer is waited for.

    Every call raises `Refused` (nothing comes of it; the status is that which HTTP has for it), `Unreachable` (it was
    not handed to the broker) or `NoAnswer`: it was, and may have been carried out, or may still be. What is said again
    with the same id, or an order's with the same key, comes to the same. A message whose signature does not hold, as
    with a secret that is not valid any more, is answered by nobody.
    """

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE) -> None:
        self._exchange = Exchange(url, secret, timeout)

    async def send(
        self, audience: Audience, message: Message | None = None, *, id_: str | None = None,
        validate_only: bool = False, **rest: Unpack[Options],
    ) -> CommandAnswer:  # fmt: skip
        """Sends a message, or the `template` in `rest`, which are the other fields of `SendRequest`.

        `id_` is the send's id and its key: said again it is one send, and the answer says `duplicate`.
        """
        said: dict[str, Any] = {**rest, **({"validate_only": True} if validate_only else {})}
        request = request_of(audience, message, said)
        return accepted(await self._one(commands.sends([(id_ or commands.new_id(), request)])))

    async def send_many(self, sends: Sequence[tuple[str, SendRequest]]) -> list[CommandAnswer]:
        """From 1 to 1,000 sends, each with its id, in one message; their answers in the same order.

        A send that is refused has the state `rejected`, and `errors`; it stops none of the others.
        """
        return await self._exchange.ask(commands.sends(sends))

    async def validate(self, audience: Audience, message: Message | None = None, **rest: Unpack[Options]) -> Valid:
        """Returns if such a send would be accepted, and says what it would go to. Nothing is stored."""
        answer = await self.send(audience, message, validate_only=True, **rest)
        return Valid.model_validate(answer.model_dump(include={"state", "lane", "variants"}))

    async def estimate(self, audience: Audience) -> EstimateView:
        """About how many devices an audience has now, by platform and variant. Nothing is sent."""
        answer = accepted(await self._one(commands.estimate(audience)))
        return _given(answer.estimate, answer)

    async def preview(
        self, device: str, message: Message | None = None, *, template: TemplateRef | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> PreviewView:  # fmt: skip
        """What the provider would be sent for a device, of a message or a stored template. Nothing is sent."""
        answer = accepted(await self._one(commands.preview(preview_of(device, message, template, values))))
        return _given(answer.preview, answer)

    async def cancel(self, send: str, *, key: str | None = None) -> CommandAnswer:
        """Calls a send off for good, also half-way: `cancelled`. May be repeated."""
        return await self._ordered(commands.order(send, Wish.CANCEL, key))

    async def pause(self, send: str, *, key: str | None = None) -> CommandAnswer:
        """Makes a send wait: `paused`. Repeated with the same key it is one order, whatever came in between."""
        return await self._ordered(commands.order(send, Wish.PAUSE, key or new_key()))

    async def resume(self, send: str, *, key: str | None = None) -> CommandAnswer:
        """Lets it go on: `resumed`. Repeated with the same key it is one order, as `pause` is."""
        return await self._ordered(commands.order(send, Wish.RESUME, key or new_key()))

    async def replace(self, send: str, request: SendRequest, *, key: str | None = None) -> CommandAnswer:
        """Another message, audience or time for a scheduled send that has not begun: `replaced`; by its key, once."""
        return await self._ordered(commands.replacement(send, request, key or new_key()))

    async def _ordered(self, said: Said) -> CommandAnswer:
        return ordered(await self._one(said))

    async def _one(self, said: Said) -> CommandAnswer:
        (answer,) = await self._exchange.ask(said)
        return answer

    async def __aenter__(self) -> Self:
        """Connects. Raises `Unreachable`."""
        await self._exchange.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnects."""
        await self._exchange.close()


def _given(found: T | None, answer: CommandAnswer) -> T:
    if found is None:
        message = f"the answer to {answer.id} is {answer.state} without what was asked for"
        raise CarillonError(message)
    return found
