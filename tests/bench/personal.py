"""The personalised message, what each device brings to it, and its body as plain `json.dumps` makes it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from shared.flow.message import Message
from tests.bench.figures import MeasureError
from tests.bench.seeding import Tenant

CAMPAIGN: Final = "noon"
MESSAGE: Final = Message(
    template=True,
    title="Good evening, {{ device.attributes.name }}",
    body="{{ device.attributes.name }}, {{ device.attributes.unread }} messages wait for you.",
    badge="{{ device.attributes.unread }}",
    sound="default",
    data={"campaign": CAMPAIGN, "note": "{{ device.attributes.note }}"},
)
NOTE: Final = 200
"""Bytes of data of each device's own."""


def attributes(number: int) -> dict[str, Any]:
    """What device `number` was registered with."""
    note = f"{number:07}/" * (NOTE // 8)
    return {"name": f'Zoë "Bell" Ünal {number}', "unread": number % 100, "note": note}


def expected(number: int) -> bytes:
    """The payload for that device, made without the product's templates."""
    said = attributes(number)
    alert = {
        "title": "Good evening, " + said["name"],
        "body": said["name"] + ", " + str(said["unread"]) + " messages wait for you.",
    }
    aps = {"alert": alert, "badge": said["unread"], "sound": "default"}
    payload = {"campaign": CAMPAIGN, "note": said["note"], "aps": aps}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def compared(file: Path, to: Tenant, count: int) -> int:
    """How many sampled bodies have the hash of the expected one; every one must."""
    sampled = dict(_lines(file))
    found = 0
    for number in range(count):
        body = sampled.get(to.token(number).encode())
        if body is None:
            continue
        if _hash(body) != _hash(expected(number)):
            raise MeasureError(f"device {number} was sent {body!r}")
        found += 1
    if not found or found != len(sampled):
        raise MeasureError(f"{found} of {len(sampled)} sampled bodies belong to a device")
    return found


def _lines(file: Path) -> Iterator[tuple[bytes, bytes]]:
    for line in file.read_bytes().split(b"\n"):
        if line:
            token, _, body = line.partition(b"\t")
            yield token, body


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
