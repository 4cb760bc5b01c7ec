"""Names of things: how ids are made, and how the id of a slice, a chunk and a retry follow from the send's.

    send key     <app>.<send>                      the send's `_id` everywhere behind the door
    slice id     <send key>.<route>.<n>            follows from the plan
    member       <slice id>/<chunk>                one chunk; also the key of its record
    retry slice  <member>~<step>                   names its parent record; its only chunk is `<member>~<step>/0`

So the attempt of a slice is one more than the number of `~` in its id, and the tenant is in every id.
"""

import hashlib
import re
import secrets
import time
from datetime import datetime
from typing import Final

from shared.flow.drawing import Bits

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
SEND_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
APP_ID: Final = re.compile(r"[a-z0-9]{3,32}")
DEVICE_ID: Final = re.compile(r"[0-9a-f]{24}")
SHARDS: Final = 1 << 31
"""Shards are int32 values from 0 up to, not including, this."""


_PAIRS: Final = tuple(one + other for one in ALPHABET for other in ALPHABET)


def base32(number: int, length: int) -> str:
    """`number` in `length` digits, an even number, of Crockford's alphabet, most significant first."""
    return "".join([_PAIRS[number >> places & 1023] for places in range(5 * length - 10, -1, -10)])


def new_send_id(bits: Bits = secrets.randbits, at: datetime | None = None) -> str:
    """A send's id: 10 digits of milliseconds and 10 random ones, so that ids sort by time."""
    milliseconds = time.time_ns() // 1_000_000 if at is None else int(at.timestamp() * 1000)
    return base32(milliseconds, 10) + base32(bits(50), 10)


def new_id(prefix: str, digits: int = 10, bits: Bits = secrets.randbits) -> str:
    """An app's or a variant's id: a short prefix and random digits, e.g. `a7k2m4...`."""
    return prefix + base32(bits(5 * digits), digits)


def send_key(app: str, send: str) -> str:
    """The key of a send behind the door."""
    return f"{app}.{send}"


def split_send_key(key: str) -> tuple[str, str]:
    """App and public send id of a send key (or of any id that starts with one)."""
    app, send, *_ = key.split(".", 2)
    return app, send


def slice_id(key: str, route: int, number: int) -> str:
    """The id of a first-attempt slice."""
    return f"{key}.{route}.{number}"


def member_id(slice_: str, chunk: int) -> str:
    """The id of a chunk, which is also the key of its record."""
    return f"{slice_}/{chunk}"


def retry_slice_id(member: str, step: int) -> str:
    """The id of the slice that works the devices that the record of `member` owes at `step`."""
    return f"{member}~{step}"


def attempt_of(slice_: str) -> int:
    """Which attempt a slice (or member) is, from 1."""
    return 1 + slice_.count("~")


def parent_of(retry_slice: str) -> tuple[str, int]:
    """The member whose record a retry slice names, and the step in it."""
    member, step = retry_slice.rsplit("~", 1)
    return member, int(step)


def send_of(slice_or_member: str) -> str:
    """The send key that a slice or member belongs to."""
    return ".".join(slice_or_member.split(".", 2)[:2])


def root_of(slice_or_member: str) -> tuple[int, int]:
    """Route and slice number of the first-attempt slice that a slice or member descends from."""
    _, _, route, rest = slice_or_member.split(".", 3)
    return int(route), int(rest.split("/", 1)[0])


def device_id(variant: str, seed: str) -> bytes:
    """12 bytes that name a device: of its variant and the installation id if it has one, else its first token."""
    return hashlib.blake2b(f"{variant}|{seed}".encode(), digest_size=12).digest()


def shard_of(device: bytes) -> int:
    """The device's fixed position in the shard range, from the id it was registered under."""
    return int.from_bytes(device[:4], "big") >> 1


def notification_id(key: str, device: bytes) -> str:
    """The `apns-id` of one notification: 6 bytes of the send's hash and 10 of the device's id, as a lower-case UUID.

    The same on every attempt, so that a repeat can be told from a second message.
    """
    return notification_prefix(key) + notification_suffix(device)


def notification_prefix(key: str) -> str:
    """The first 14 characters of the notification ids of a send."""
    digest = hashlib.blake2b(key.encode(), digest_size=6).hexdigest()
    return f"{digest[:8]}-{digest[8:]}-"


def notification_suffix(device: bytes) -> str:
    """The other 22 characters, from the last 10 bytes of the device's id."""
    text = device[2:].hex()
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"
