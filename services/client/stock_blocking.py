"""Over HTTP without `await`: an app's devices and stored templates."""

from collections.abc import Generator
from typing import Unpack

from services.client import stock_asks
from services.client.asking_blocking import Asking
from services.client.composing import Said, new_key
from services.client.models import Device, TemplateLine
from services.client.outcome_models import Template
from shared.flow.message import Message


class Stock(Asking):
    """A part of `Client`."""

    def register(
        self, variant: str, token: str, *, installation: str | None = None, key: str | None = None, **said: Unpack[Said]
    ) -> Device:
        """As `AsyncClient.register`."""
        return self.ask(stock_asks.register(variant, token, installation, dict(said), key or new_key()))

    def change(self, device: str, *, token: str | None = None, **said: Unpack[Said]) -> None:
        """As `AsyncClient.change`."""
        self.ask(stock_asks.change(device, token, dict(said)))

    def remove(self, device: str) -> None:
        """As `AsyncClient.remove`."""
        self.ask(stock_asks.remove(device))

    def store_template(self, name: str, message: Message, *, key: str | None = None) -> Template:
        """As `AsyncClient.store_template`."""
        return self.ask(stock_asks.store_template(name, message, key or new_key()))

    def template(self, name: str, version: int | None = None) -> Template:
        """As `AsyncClient.template`."""
        return self.ask(stock_asks.template(name, version))

    def templates(self) -> Generator[TemplateLine, None, None]:
        """As `AsyncClient.templates`."""
        after: str | None = None
        while True:
            page = self.ask(stock_asks.page_of_templates(after))
            yield from page.templates
            if (after := page.next) is None:
                return

    def remove_template(self, name: str) -> None:
        """As `AsyncClient.remove_template`."""
        self.ask(stock_asks.remove_template(name))
