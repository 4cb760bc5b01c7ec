"""What a local server can be asked for, however it runs (a process or a container), and what it remembers."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

START_PATIENCE = timedelta(seconds=60)
STOP_PATIENCE = timedelta(seconds=15)


class Server(Protocol):
    """Its methods block: from a coroutine, call them with `asyncio.to_thread`."""

    @property
    def url(self) -> str: ...

    def start(self) -> None:
        """Start, or start again on the same data and address; returns when it can be used."""

    def stop(self) -> None:
        """End it as an operator would; the data stays."""

    def kill(self) -> None:
        """End it as a power cut would; what was on disk stays."""

    def remove(self) -> None:
        """End it, and its data with it."""

    def alive(self) -> bool: ...

    def state(self) -> dict[str, int | str]:
        """What another process needs to find it again; empty if it was not started."""


class Broker(Server, Protocol):
    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against it; returns what it printed."""


def remembered(file: Path, fresh: Mapping[str, int | str]) -> dict[str, int | str]:
    """What the file says; the first time it is made of `fresh`. It may hold a password: only its owner may read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, json.dumps(dict(fresh), indent=1))
    known: dict[str, int | str] = json.loads(file.read_text("utf-8"))
    return known


def write_private(file: Path, text: str) -> None:
    """Readable by its owner only from the first moment; whole or not at all."""
    part = file.with_suffix(file.suffix + ".part")
    part.touch(mode=0o600)
    part.write_text(text, "utf-8")
    part.replace(file)
