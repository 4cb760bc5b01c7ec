"""The sink as the bench uses it: one process of sink.c, its address, and its own count of what came."""

import json
import select
import signal
import subprocess
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from services.cli.local.ports import LOOPBACK
from services.simulator.certificates import Authority
from tests.bench.figures import MeasureError, folder
from tests.bench.installed import compiled
from tests.bench.processes import end, environment, pinned

PATIENCE: Final = 10.0
FNV_OFFSET: Final = 14695981039346656037
FNV_PRIME: Final = 1099511628211


@dataclass(frozen=True, slots=True)
class Certificate:
    """What servers of the bench present, and what their clients trust."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Knobs:
    """How the sink behaves. `gone` and `unavailable` are percent."""

    port: int = 0
    streams: int = 1000
    latency: timedelta = timedelta(0)
    gone: float = 0
    unavailable: float = 0
    arrivals: Path | None = None
    samples: Path | None = None
    sample_every: int = 1

    def arguments(self) -> list[str]:
        """As sink.c takes them."""
        given: list[tuple[str, object]] = [
            ("port", self.port), ("streams", self.streams), ("latency-ms", self.latency / timedelta(milliseconds=1)),
            ("gone", self.gone), ("unavailable", self.unavailable),
        ]  # fmt: skip
        given += [("arrivals", self.arrivals)] if self.arrivals else []
        given += [("samples", self.samples), ("sample-every", self.sample_every)] if self.samples else []
        return [part for name, value in given for part in (f"--{name}", str(value))]


class Sink:
    """A running sink. `running` ends it."""

    def __init__(self, process: "subprocess.Popen[str]", knobs: Knobs) -> None:
        self._process = process
        self._knobs = knobs
        self.pid = process.pid
        self.port = int(self._line().split()[1])

    def counts(self) -> dict[str, Any]:
        """What came so far, by its own count; arrivals are on disk then."""
        self._process.send_signal(signal.SIGUSR1)
        found: dict[str, Any] = json.loads(self._line())
        return found

    def arrivals(self) -> dict[int, int]:
        """When the first request for each token came (CLOCK_MONOTONIC, ns), by the token's hash."""
        self.counts()
        if self._knobs.arrivals is None:
            raise ValueError("this sink keeps no arrivals")
        numbers = array("Q", self._knobs.arrivals.read_bytes())
        return dict(zip(reversed(numbers[1::2]), reversed(numbers[0::2]), strict=True))

    def _line(self) -> str:
        out = self._process.stdout
        if out is None or not select.select([out], [], [], PATIENCE)[0]:
            raise MeasureError("the sink does not answer")
        line = out.readline()
        if not line:
            raise MeasureError("the sink has ended")
        return line


@contextmanager
def running(certificate: Certificate, knobs: Knobs = Knobs(), core: int | None = None) -> Iterator[Sink]:  # frozen
    """A sink on a free port of loopback for as long as the block runs."""
    argv = [str(compiled("sink")), "--cert", str(certificate.certificate), "--key", str(certificate.key)]
    argv += knobs.arguments()
    process = subprocess.Popen(
        argv if core is None else pinned(core, argv), stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        yield Sink(process, knobs)
    finally:
        end(process)


def certificate() -> Certificate:
    """Made anew for every run; the authority's key is never written."""
    place = folder("certificates")
    authority = Authority()
    found = Certificate(place / "ca.pem", place / "server.pem", place / "server.key")
    authority.write(found.ca)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Carillon bench")])
    names = [x509.IPAddress(ip_address(LOOPBACK)), x509.DNSName("localhost")]
    pair = authority.issue(subject, x509.SubjectAlternativeName(names))
    found.certificate.write_bytes(pair.certificate)
    found.key.touch(mode=0o600)
    found.key.write_bytes(pair.key)
    return found


def token_hash(token: str) -> int:
    """FNV-1a, 64 bits, as sink.c names tokens."""
    found = FNV_OFFSET
    for byte in token.encode():
        found = ((found ^ byte) * FNV_PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return found or 1
