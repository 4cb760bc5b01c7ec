"""Constructs the simulator: authority, providers by name, their TLS ports, the control port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from services.simulator.certificates import Authority
from services.simulator.control import control
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger
from services.simulator.provider import Provider
from services.simulator.settings import Settings
from services.simulator.wire import Server, serve
from shared.runtime import serving


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator. Closed by `open_simulator`."""

    authority: Authority
    control_port: int
    providers: dict[str, Provider]
    servers: dict[str, Server]  # by listener
    settings: Settings

    def addresses(self) -> dict[str, object]:
        """What a client needs to know to use it."""
        host = self.settings.host
        return {
            "control": f"http://{host}:{self.control_port}",
            "ca_file": str(self.settings.ca_file),
            "log_folder": str(self.settings.log_folder),
            "listeners": {name: f"{host}:{server.port}" for name, server in self.servers.items()},
        }


def build(name: str, folder: Path | None) -> Provider:
    """A provider by its name. Raises ModuleNotFoundError if there is none."""
    clock = Clock()
    module = import_module(f"services.simulator.{name}.provider")
    provider: Provider = module.build(Ledger(name, clock, folder), clock)
    return provider


@asynccontextmanager
async def open_ports(provider: Provider, authority: Authority, settings: Settings) -> AsyncIterator[dict[str, Server]]:
    """Listen on every port of a provider."""
    async with AsyncExitStack() as stack:
        servers = {}
        for listener in provider.listeners:
            tls = authority.server_context(listener.alpn, client_certificates=listener.client_certificates)
            port = settings.ports.get(listener.name, 0)
            served = serve(listener.handler, tls=tls, host=settings.host, port=port, http1=listener.http1)
            servers[listener.name] = await stack.enter_async_context(served)
        yield servers


@asynccontextmanager
async def open_simulator(settings: Settings) -> AsyncIterator[Simulator]:
    """Everything, until the block ends. The CA is written before the first port opens."""
    settings.log_folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(settings.names)
    authority.write(settings.ca_file)
    async with AsyncExitStack() as stack:
        providers = {name: build(name, settings.log_folder) for name in settings.providers}
        _refuse_unknown_ports(settings, providers)
        servers: dict[str, dict[str, Server]] = {}
        for name, provider in providers.items():
            provider.authority = authority
            stack.callback(provider.ledger.close)
            servers[name] = await stack.enter_async_context(open_ports(provider, authority, settings))
        app = control(list(providers.values()), servers)
        port = await stack.enter_async_context(serving.serve(app, host=settings.host, port=settings.control_port))
        flat = {listener: server for mine in servers.values() for listener, server in mine.items()}
        yield Simulator(authority, port, providers, flat, settings)


def _refuse_unknown_ports(settings: Settings, providers: dict[str, Provider]) -> None:
    known = {listener.name for provider in providers.values() for listener in provider.listeners}
    if unknown := settings.ports.keys() - known:
        raise SystemExit(f"no such listener: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
