"""Starts a server on a free port as a process of the test's own, slows it down, and stops it by its pid."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from services.cli.local.owned import wait_until
from services.cli.local.places import ROOT
from services.cli.local.ports import LOOPBACK, free_port
from services.simulator.certificates import Authority
from tests.interop.engine.demand import GONE, Demand, Served

PATIENCE: Final = timedelta(seconds=20)
STOPPED: Final = 0.04
"""Seconds that a slow reader does not run."""
RUNNING: Final = 0.01
"""Seconds that it runs between."""
STOPS: Final = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens and keeps its files."""

    folder: Path
    port: int

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server.key"

    @property
    def said(self) -> Path:
        """What it wrote to its standard output."""
        return self.folder / "said"


@dataclass(frozen=True, slots=True)
class Server:
    """One of the servers. `command` may write configuration into the place; `served` reads its book when it ended."""

    name: str
    command: Callable[[Demand, Place], Sequence[str]]
    served: Callable[[Place], list[Served]]
    breaks: str | None = None
    """What the engine says of a stream that it resets with an error, if it can."""
    gone: int = GONE
    """Its status for a dead token."""
    refuses: bool = False
    """It can reset a stream as one that it has not processed."""


class FarEnd:
    """A running server. `running` ends it."""

    def __init__(self, server: Server, place: Place, process: "subprocess.Popen[bytes]") -> None:
        self.port = place.port
        self._server = server
        self._place = place
        self._process = process

    def listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    async def read_slowly(self) -> int:
        """Stops and continues the process for a while; returns how often it did."""
        for _ in range(STOPS):
            self._process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED)
            self._process.send_signal(signal.SIGCONT)
            await asyncio.sleep(RUNNING)
        return STOPS

    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """By its pid, gently first."""
        if self.alive():
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._process.kill()
        self._process.wait()

    def served(self) -> list[Served]:
        """Ends it, and reads its book."""
        self.end()
        return self._server.served(self._place)


@contextmanager
def running(server: Server, demand: Demand, authority: Authority, folder: Path) -> Iterator[FarEnd]:
    """The server, for as long as the block runs. It fails if the server is missing or does not start."""
    place = Place(folder, free_port())
    _write_certificate(authority, place)
    command = server.command(demand, place)
    with place.said.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  # every argument is ours
            command, stdout=said, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    far = FarEnd(server, place, process)
    try:
        ready = wait_until(lambda: not far.alive() or far.listens(), PATIENCE)
        assert ready, f"{server.name} does not listen"
        assert far.alive(), f"{server.name} ended: {place.said.read_text('utf-8', 'replace')[-2000:]}"
        yield far
    finally:
        far.end()


def _write_certificate(authority: Authority, place: Place) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Carillon interop")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(LOOPBACK))])
    pair = authority.issue(subject, names)
    place.certificate.write_bytes(pair.certificate)
    place.key.touch(mode=0o600)
    place.key.write_bytes(pair.key)
