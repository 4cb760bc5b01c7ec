"""What a simulated provider was asked and what it did, flushed before the answer goes out: the books' other side.

Two files a provider, one JSON object a line: `<provider>.requests.jsonl` (every request that was read whole, with its
verdict) and `<provider>.shown.jsonl` (what reached a device, after storage). Verdict fields of a request line:

    seq, time          a running number; the simulated time
    listener, connection, stream, method, path, headers, body
    auth               JWT claims or a fingerprint, never a usable credential
    token              the device, where the request names one
    status, reason     the verdict; status 200 means that this token was accepted once, whatever became of the answer
    drop               "black_hole", "reset", "close", "intercepted": no answer of ours went out; status is null unless
                       it was processed
"""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from services.simulator.knobs import Clock

KEEP_REQUESTS = 50_000  # of the newest, for queries; the file has all
KEEP_SHOWN = 100  # a device
OK = 200


class _Lines:
    """An append-only file of JSON lines; every line is with the kernel when `write` returns. None: no file."""

    def __init__(self, path: Path | None) -> None:
        self._fd = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, line: bytes) -> None:
        if self._fd is not None:
            os.write(self._fd, line + b"\n")

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Ledger:
    """Both logs of one provider, and bounded indexes over them. Whoever makes it closes it."""

    def __init__(self, provider: str, clock: Clock, folder: Path | None = None) -> None:
        self.provider = provider
        self._clock = clock
        self._requests_file = _Lines(folder and folder / f"{provider}.requests.jsonl")
        self._shown_file = _Lines(folder and folder / f"{provider}.shown.jsonl")
        self._seq = 0
        self._clear()

    def _clear(self) -> None:
        self._requests: deque[bytes] = deque(maxlen=KEEP_REQUESTS)
        self._counts: Counter[str] = Counter()
        self._devices: dict[str, Counter[str]] = {}
        self._shown: dict[str, deque[dict[str, Any]]] = {}

    def record(self, entry: Mapping[str, Any]) -> int:
        """Write one request with its verdict; its number. To be called before the answer leaves."""
        self._seq += 1
        whole = {"seq": self._seq, "time": self._clock.now().isoformat(), "provider": self.provider, **entry}
        line = _bytes(whole)
        self._requests_file.write(line)
        self._requests.append(line)
        verdict = verdict_name(entry)
        self._counts[verdict] += 1
        if entry.get("token"):
            self._devices.setdefault(entry["token"], Counter())[verdict] += 1
        return self._seq

    def show(self, device: str, notification: Mapping[str, Any]) -> None:
        """Write what a device received now."""
        entry = {"time": self._clock.now().isoformat(), "provider": self.provider, "token": device, **notification}
        self._shown_file.write(_bytes(entry))
        self._shown.setdefault(device, deque(maxlen=KEEP_SHOWN)).append(entry)

    def counts(self) -> dict[str, int]:
        """Requests by verdict ("200", "410 Unregistered", "black_hole"), since the last reset."""
        return dict(self._counts)

    def requests(self, wanted: Mapping[str, str], *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Kept requests whose fields equal the wanted texts, oldest first."""
        return list(islice(self._matching(wanted, after), limit))

    def devices(self, *, after: str = "", limit: int = 1000) -> list[dict[str, Any]]:
        """Verdicts by device in token order, from behind `after`: pages of the books."""
        tokens = sorted(token for token in self._devices if token > after)[:limit]
        return [
            {"token": token, "accepted": self._devices[token][str(OK)], "verdicts": dict(self._devices[token])}
            for token in tokens
        ]

    def shown(self, device: str) -> list[dict[str, Any]]:
        """What a device received, oldest first."""
        return list(self._shown.get(device, ()))

    def on_screen(self, device: str) -> list[dict[str, Any]]:
        """What is visible now, oldest first: of those with one collapse id (or tag) of an app only the newest."""
        visible: dict[object, dict[str, Any]] = {}
        for number, entry in enumerate(self.shown(device)):
            collapse = entry.get("collapse_id") or entry.get("tag")
            place = (entry.get("bundle"), collapse) if collapse else number
            visible.pop(place, None)
            if entry.get("seen", True):
                visible[place] = entry
        return list(visible.values())

    def reset(self) -> None:
        """Clear the indexes. The files keep what they have and get a line that says so."""
        self._requests_file.write(_bytes({"event": "reset", "time": self._clock.now().isoformat()}))
        self._shown_file.write(_bytes({"event": "reset", "time": self._clock.now().isoformat()}))
        self._clear()

    def close(self) -> None:
        """Close the files."""
        self._requests_file.close()
        self._shown_file.close()

    def _matching(self, wanted: Mapping[str, str], after: int) -> Iterable[dict[str, Any]]:
        for line in self._requests:
            entry: dict[str, Any] = json.loads(line)
            if entry["seq"] > after and all(_text(entry.get(name)) == value for name, value in wanted.items()):
                yield entry


def verdict_name(entry: Mapping[str, Any]) -> str:
    """How a request is counted: by status and reason if it was decided, else by how it was dropped."""
    if entry.get("status") is None:
        return str(entry.get("drop"))
    return f"{entry['status']} {entry.get('reason') or ''}".strip()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _bytes(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode()
