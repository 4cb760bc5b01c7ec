"""Runs the containers of the compose files as processes, from the files of the image; only addresses and places differ.

| in the file                                   | here                                        |
|-----------------------------------------------|---------------------------------------------|
| the whole URL of the broker, of the store     | that of the tests' own                      |
| `NAME:PORT` of another container              | `localhost` and a free port                 |
| 0.0.0.0                                       | 127.0.0.1                                   |
| a port in a variable that ends in PORT, PORTS | the free port that others are given for it  |
| a path inside a volume                        | the same path inside a temporary folder     |
| `python`, found in the image's virtualenv     | the tests' own                              |

A variable is never added, left out or renamed, and a URL with another user, virtual host or replica set than the
servers' own containers make is not translated: its host name is then nowhere.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.cli.local.owned import tail
from services.cli.local.ports import LOOPBACK, free_port
from tests.integration.deploy.composition import Container
from tests.integration.deploy.image import IMAGE

READY_WITHIN = timedelta(seconds=40)
LOOK_EVERY = 0.1
PROBE_WITHIN = 10


@dataclass(frozen=True, slots=True)
class Machine:
    """Where everything is on this machine; ports and folders are chosen when first asked for."""

    folder: Path
    servers: Mapping[str, str]
    """URLs of broker and store: in the file, here."""
    names: frozenset[str]
    ports: dict[tuple[str, str], int] = field(default_factory=dict)

    def port(self, name: str, inside: str) -> int:
        return self.ports.setdefault((name, inside), free_port())

    def place(self, volume: str) -> Path:
        folder = self.folder / "volumes" / volume
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def environment(self, container: Container) -> dict[str, str]:
        return {name: self._value(container, name, text) for name, text in container.environment.items()}

    def health_check(self, container: Container) -> list[str]:
        """Each of its words; it asks its own container."""
        own = rf"\b{re.escape(LOOPBACK)}:(\d+)"
        words = [
            re.sub(own, lambda found: f"{LOOPBACK}:{self.port(container.name, found[1])}", word)
            for word in container.health_check
        ]
        return [_program(words[0]), *words[1:]]

    def _value(self, container: Container, name: str, text: str) -> str:
        if text in self.servers:
            return self.servers[text]
        if text.startswith("/"):
            return str(self._path(container, Path(text)))
        if name.endswith(("PORT", "PORTS")):
            return re.sub(r"\b\d+\b", lambda found: str(self.port(container.name, found[0])), text)
        others = rf"\b({'|'.join(map(re.escape, self.names))}):(\d+)\b"
        text = re.sub(others, lambda found: f"localhost:{self.port(found[1], found[2])}", text)
        return text.replace("0.0.0.0", LOOPBACK)  # noqa: S104  # what the file says

    def _path(self, container: Container, path: Path) -> Path:
        """Raises LookupError for one on no volume: what is there cannot be written, or ends with the container."""
        for inside, volume in container.mounts.items():
            if path.is_relative_to(inside):
                return self.place(volume) / path.relative_to(inside)
        raise LookupError(f"{container.name}: {path} is on none of its volumes")


class Process:
    """A container as a process. Whoever starts it stops it."""

    def __init__(self, container: Container, machine: Machine) -> None:
        self.container = container
        self._machine = machine
        self._log = machine.folder / f"{container.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program, *arguments = self.container.command
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [_program(program), *arguments],
                env=self._machine.environment(self.container) | _image_environment(self._machine),
                cwd=app(self._machine),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def await_healthy(self) -> None:
        """Returns when its health check says so. Raises AssertionError with the log's end."""
        end = time.monotonic() + READY_WITHIN.total_seconds()
        while (code := self.probe()) != 0:
            assert self._process is not None
            assert self._process.poll() is None, f"{self.container.name} ended:\n{tail(self._log)}"
            assert time.monotonic() < end, f"{self.container.name} is not healthy ({code}):\n{tail(self._log)}"
            time.sleep(LOOK_EVERY)

    def probe(self) -> int:
        """The exit code of its health check."""
        return probed(self._machine.health_check(self.container), self._machine)

    def ask_to_stop(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def await_end(self, patience: float) -> int:
        """Its exit code. Raises TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(patience)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def probed(command: list[str], machine: Machine) -> int:
    done = subprocess.run(
        command, env=_image_environment(machine), capture_output=True, timeout=PROBE_WITHIN, check=False
    )
    return done.returncode


def app(machine: Machine) -> Path:
    """The image's WORKDIR."""
    return machine.folder / "app"


def _image_environment(machine: Machine) -> dict[str, str]:
    """What the image's ENV says, with its places here."""
    said = dict(pair.split("=", 1) for pair in IMAGE.last("ENV").split())
    said["PATH"] = (
        said["PATH"].replace("/venv/bin", str(Path(sys.executable).parent)).replace("$PATH", os.environ["PATH"])
    )
    said["PYTHONPATH"] = said["PYTHONPATH"].replace(IMAGE.last("WORKDIR"), str(app(machine)))
    return said


def _program(name: str) -> str:
    return sys.executable if name == "python" else name
