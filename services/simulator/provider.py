"""What a simulated provider shows to the wiring and to the control port: the only seam between them and its rules.

A provider is a folder `services/simulator/<name>/` whose module `provider.py` has a function

    def build(ledger: Ledger, clock: Clock) -> Provider

found by its name in the settings; nothing else names it. It makes no connection and starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import BaseRoute

from services.simulator.certificates import Authority
from services.simulator.dial import Dial
from services.simulator.exchange import Handler
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Listener:
    """A TLS port of a provider. `name` is unique over all providers ("apns.sandbox") and names its port setting."""

    name: str
    handler: Handler
    alpn: tuple[str, ...] = ("h2",)
    client_certificates: bool = False  # ask for one (never require it)
    http1: bool = False  # take a client without ALPN as HTTP/1.1


class Provider(Protocol):
    """One provider: its ports, and its state as the control port reads and changes it.

    Bodies come in as parsed JSON. A method that finds one wrong raises ValueError (pydantic's ValidationError is one):
    the control port answers 422 with its text. KeyError becomes 404.
    """

    name: str
    listeners: Sequence[Listener]
    ledger: Ledger
    clock: Clock
    dial: Dial[Any]  # its knobs
    authority: Authority | None = None  # who signs client certificates; given by the wiring

    def import_tokens(self, entries: Sequence[Mapping[str, Any]]) -> int:
        """Put tokens into the registry (replacing those with the same key); how many."""

    def export_tokens(self) -> list[dict[str, Any]]:
        """The registry, in the form that `import_tokens` takes."""

    def change_token(self, token: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Change state, presence or script of one token; how it is now."""

    def reset(self) -> None:
        """Forget tokens, credentials, scripts and devices' memory. The caller resets knobs, clock and ledger."""

    def clock_moved(self) -> None:
        """The simulated clock was moved: let what fell due happen now."""

    def routes(self) -> Sequence[BaseRoute]:
        """What only this provider has, mounted under /<name>: its credentials, say."""
