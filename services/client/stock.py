"""Over HTTP with `await`: an app's devices and stored templates."""

from collections.abc import AsyncGenerator
from typing import Unpack

from services.client import stock_asks
from services.client.asking import AsyncAsking
from services.client.composing import Said, new_key
from services.client.models import Device, TemplateLine
from services.client.outcome_models import Template
from shared.flow.message import Message


class AsyncStock(AsyncAsking):
    """A part of `AsyncClient`."""

    async def register(
        self, variant: str, token: str, *, installation: str | None = None, key: str | None = None, **said: Unpack[Said]
    ) -> Device:
        """Registers a device, or registers it again; `installation` is an id of the app's own making."""
        return await self.ask(stock_asks.register(variant, token, installation, dict(said), key or new_key()))

    async def change(self, device: str, *, token: str | None = None, **said: Unpack[Said]) -> None:
        """Changes what is known of a device; what is not named stays."""
        await self.ask(stock_asks.change(device, token, dict(said)))

    async def remove(self, device: str) -> None:
        """Removes a device."""
        await self.ask(stock_asks.remove(device))

    async def store_template(self, name: str, message: Message, *, key: str | None = None) -> Template:
        """Stores a message under a name; a name that there is gets its next version."""
        return await self.ask(stock_asks.store_template(name, message, key or new_key()))

    async def template(self, name: str, version: int | None = None) -> Template:
        """One version of a template, the latest unless another is named."""
        return await self.ask(stock_asks.template(name, version))

    async def templates(self) -> AsyncGenerator[TemplateLine, None]:
        """The latest version of each template, by name."""
        after: str | None = None
        while True:
            page = await self.ask(stock_asks.page_of_templates(after))
            for line in page.templates:
                yield line
            if (after := page.next) is None:
                return

    async def remove_template(self, name: str) -> None:
        """Removes every version of a template; sends that were accepted keep what they say."""
        await self.ask(stock_asks.remove_template(name))
