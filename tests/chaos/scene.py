"""What a fault works on: a running stack with a campaign in flight, its processes, servers and providers."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from services.cli.local.fleet import Fleet
from services.cli.local.processes import ServiceProcess
from services.cli.local.servers import Broker
from tests.chaos.backend import Backend
from tests.chaos.case import Setup
from tests.chaos.checker.population import Device
from tests.chaos.checker.recovery import Kill
from tests.chaos.hook import Hook
from tests.chaos.providers import PLATFORMS, Providers
from tests.chaos.replica_set import Store
from tests.chaos.tenant import Tenant

Json = dict[str, Any]
POLL: Final = 0.01
FLOWS_WITHIN: Final = 60.0


@dataclass(slots=True)
class Scene:
    """Lives as long as its case."""

    setup: Setup
    fleet: Fleet
    broker: Broker
    store: Store
    providers: Providers
    backend: Backend
    tenant: Tenant
    devices: Sequence[Device]
    folder: Path
    chance: Random
    short: bool
    hook: Hook | None = None
    kills: list[Kill] = field(default_factory=list)
    cut_off: int = 0
    """How often a process that held chunks was killed or frozen past its claims: each may repeat what it held."""
    findings: list[str] = field(default_factory=list)
    """What a case itself found wrong."""

    def process(self, name: str) -> ServiceProcess:
        return self.fleet.processes[name]

    def times(self, full: int, short: int) -> int:
        return short if self.short else full

    async def flowing(self, platforms: Sequence[str] = PLATFORMS, least: int = 1) -> int:
        """Waits until requests are in flight; how many. Raises TimeoutError."""
        end = time.monotonic() + FLOWS_WITHIN
        while (found := await self.providers.in_flight(platforms)) < least:
            if time.monotonic() > end:
                raise TimeoutError(f"nothing in flight at {', '.join(platforms)} for {FLOWS_WITHIN:.0f} s")
            await asyncio.sleep(POLL)
        return found

    async def drawn_moment(self, platforms: Sequence[str] = PLATFORMS) -> None:
        """Some moment at which requests of a campaign are in flight, not of a single send or two."""
        await self.flowing(platforms, self.setup.stack.chunk)
        await asyncio.sleep(self.chance.uniform(0, self.times(20, 10) / 10))
        await self.flowing(platforms, self.setup.stack.chunk // 2)

    async def kill(self, name: str) -> None:
        """With SIGKILL, noting what was in flight at that moment at the providers that it has to do with."""
        platforms = platforms_of(name)
        in_flight = await self.providers.in_flight(platforms)
        self.kills.append(Kill(name, datetime.now(UTC), in_flight, platforms))
        self.cut_off += holds_chunks(name)
        await asyncio.to_thread(self.process(name).kill)

    async def start(self, name: str) -> None:
        """Anew, after it was the last to be killed."""
        await asyncio.to_thread(self.process(name).start)
        self.kills[-1] = replace(self.kills[-1], back=datetime.now(UTC))

    @contextlib.asynccontextmanager
    async def frozen(self, pid: int) -> AsyncIterator[None]:
        """A process that is stopped inside (SIGSTOP), as a paused virtual machine is."""
        with contextlib.ExitStack() as thaw:
            signal.pidfd_send_signal(fd := _pidfd(pid, thaw), signal.SIGSTOP)
            thaw.callback(signal.pidfd_send_signal, fd, signal.SIGCONT)
            yield

    async def campaign_again(self) -> str:
        """Another campaign, from its promise to its final report; its mark."""
        id_ = await self.backend.campaign()
        await self.backend.finished(id_)
        return self.backend.marks[id_]

    async def replace_variant(self, variant: str, body: Json) -> None:
        """With the operator's key."""
        path = f"/v1/apps/{self.tenant.app}/variants/{variant}"
        await self.backend.change("PUT", path, body, key=self.fleet.admin_key)


def platforms_of(name: str) -> tuple[str, ...]:
    """The providers that a process sends to, or everything it feeds."""
    for platform in PLATFORMS:
        if name.startswith(f"delivery-{platform}"):
            return (platform,)
    return PLATFORMS


def holds_chunks(name: str) -> bool:
    return name.startswith("delivery-")


def _pidfd(pid: int, stack: contextlib.ExitStack) -> int:
    fd = os.pidfd_open(pid)
    stack.callback(os.close, fd)
    return fd
