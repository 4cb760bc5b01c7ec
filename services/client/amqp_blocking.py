"""Commands over AMQP without `await`: the same as `services.client.amqp`, by a loop in a thread of its own.

`Commands` may be shared by threads, and lives as long as its `with` block.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, Unpack

from services.client.amqp import PATIENCE, AsyncCommands
from services.client.composing import Options
from services.client.loop_thread import LoopThread
from services.client.models import Valid
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateView
from shared.flow.message import Message
from shared.flow.preview import PreviewView
from shared.flow.send import SendRequest, TemplateRef


class Commands:
    """As `AsyncCommands`. Raises `RuntimeError` outside of its `with` block."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = PATIENCE) -> None:
        self._thread = LoopThread("carillon-commands")
        self._open = partial(AsyncCommands, url, secret, timeout=timeout)
        self._commands = self._open()

    def send(
        self, audience: Audience, message: Message | None = None, *, id_: str | None = None,
        validate_only: bool = False, **rest: Unpack[Options],
    ) -> CommandAnswer:  # fmt: skip
        """As `AsyncCommands.send`."""
        return self._thread.do(self._commands.send(audience, message, id_=id_, validate_only=validate_only, **rest))

    def send_many(self, sends: Sequence[tuple[str, SendRequest]]) -> list[CommandAnswer]:
        """As `AsyncCommands.send_many`."""
        return self._thread.do(self._commands.send_many(sends))

    def validate(self, audience: Audience, message: Message | None = None, **rest: Unpack[Options]) -> Valid:
        """As `AsyncCommands.validate`."""
        return self._thread.do(self._commands.validate(audience, message, **rest))

    def estimate(self, audience: Audience) -> EstimateView:
        """As `AsyncCommands.estimate`."""
        return self._thread.do(self._commands.estimate(audience))

    def preview(
        self, device: str, message: Message | None = None, *, template: TemplateRef | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> PreviewView:  # fmt: skip
        """As `AsyncCommands.preview`."""
        return self._thread.do(self._commands.preview(device, message, template=template, values=values))

    def cancel(self, send: str, *, key: str | None = None) -> CommandAnswer:
        """As `AsyncCommands.cancel`."""
        return self._thread.do(self._commands.cancel(send, key=key))

    def pause(self, send: str, *, key: str | None = None) -> CommandAnswer:
        """As `AsyncCommands.pause`."""
        return self._thread.do(self._commands.pause(send, key=key))

    def resume(self, send: str, *, key: str | None = None) -> CommandAnswer:
        """As `AsyncCommands.resume`."""
        return self._thread.do(self._commands.resume(send, key=key))

    def replace(self, send: str, request: SendRequest, *, key: str | None = None) -> CommandAnswer:
        """As `AsyncCommands.replace`."""
        return self._thread.do(self._commands.replace(send, request, key=key))

    def __enter__(self) -> Self:
        """Connects. Raises `Unreachable`."""
        self._thread.start()
        self._commands = self._open()  # what awaits belongs to one loop
        try:
            self._thread.do(self._commands.__aenter__())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnects; threads that wait for an answer still get `NoAnswer`."""
        try:
            self._thread.do(self._commands.__aexit__(None, None, None))
        finally:
            self._thread.stop()
