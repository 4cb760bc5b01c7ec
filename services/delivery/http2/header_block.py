"""Writes request blocks of which all but a few bytes are the same, within the peer's header table.

Indexed are only the fields whose values are few and stay (protocol reference, A.3); everything else is a literal, never
Huffman coded: bytes are cheaper than time here. What would evict is inserted at most every ten seconds, so that many
apps on one connection cannot thrash the peer's table.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

Fields = tuple[tuple[bytes, bytes], ...]

INDEXED: Final = frozenset({b":authority", b"authorization", b"apns-topic", b"apns-push-type", b"apns-priority"})
STATIC_NAMES: Final = {b":authority": 1, b":path": 4, b"authorization": 23, b"content-type": 31}
"""RFC 7541, appendix A: the names that providers' requests have."""
FIRST_DYNAMIC: Final = 62
ENTRY_OVERHEAD: Final = 32  # RFC 7541, section 4.1
TABLE: Final = 4096
"""We never use more of the peer's table, so a larger one needs no announcement."""
CALM: Final = 10.0
"""Seconds between two insertions that evict."""
REMEMBERED: Final = 256
"""Ready-made blocks kept; one per authorization and kind of message."""

POST_HTTPS: Final = b"\x83\x87"
OK_BLOCK: Final = 0x88
OK_LITERALS: Final = (b"\x88", b"\x08\x03200", b"\x08\x82\x10\x01", b"\x18\x03200", b"\x18\x82\x10\x01")
"""`:status: 200` as an index and as literals, plain and Huffman coded, without touching the dynamic table."""


def integer(value: int, prefix: int, lead: int) -> bytes:
    """RFC 7541, section 5.1; `lead` are the bits before the prefix."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes((lead | value,))
    out = bytearray((lead | most,))
    value -= most
    while value >= 0x80:  # noqa: PLR2004  # seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_LENGTHS: Final = tuple(integer(length, 7, 0) for length in range(512))


def string(value: bytes) -> bytes:
    """RFC 7541, section 5.2, without Huffman coding."""
    length = len(value)
    return (_LENGTHS[length] if length < len(_LENGTHS) else integer(length, 7, 0)) + value


@cache
def literal_name(name: bytes) -> bytes:
    """The start of a literal that leaves the table alone; its value follows as a `string`."""
    static = STATIC_NAMES.get(name)
    return integer(static, 4, 0) if static else b"\0" + string(name)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message's requests have in common on one connection; the path goes between `head` and `tail`.

    `once`: it changes the table (or its size), so it is good for one request; then the parts must be had again.
    """

    head: bytes
    tail: bytes
    once: bool


_INDEXES: Final = tuple(integer(FIRST_DYNAMIC + age, 7, 0x80) for age in range(TABLE // ENTRY_OVERHEAD))


class BlockWriter:
    """The peer's dynamic table as our requests fill it. One per connection."""

    def __init__(self, authority: bytes) -> None:
        self._authority = authority
        self._entries: dict[tuple[bytes, bytes], int] = {}  # oldest first, numbered as they were inserted
        self._inserted = 0
        self._used = 0
        self._limit = TABLE
        self._announce: list[int] = []
        self._evicted_at = float("-inf")
        self._ready: dict[Fields, tuple[Parts, float]] = {}

    def resize(self, size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE. The lowest of several is announced too (RFC 7541, section 4.2)."""
        limit = min(size, TABLE)
        if limit == self._limit:
            return
        self._announce = [min([limit, *self._announce]), limit]
        self._limit = limit
        self._shrink(limit)
        self._ready.clear()

    def parts(self, shared: Fields, now: float) -> Parts:
        """The common parts of requests with these fields."""
        ready, until = self._ready.get(shared, (None, 0.0))
        if ready is not None and now < until:
            return ready
        updates = b"".join(integer(size, 5, 0x20) for size in dict.fromkeys(self._announce))
        self._announce = []
        before, self._changed, self._declined = self._used, bool(updates), False
        head = updates + POST_HTTPS + self._field(b":authority", self._authority, now)
        parts = Parts(head, b"".join(self._field(*field, now) for field in shared), self._changed)
        if self._used != before or self._changed or len(self._ready) >= REMEMBERED:
            self._ready.clear()
        if not parts.once:
            self._ready[shared] = parts, self._evicted_at + CALM if self._declined else float("inf")
        return parts

    def _field(self, name: bytes, value: bytes, now: float) -> bytes:
        if name in INDEXED:
            number = self._entries.get((name, value))
            if number is not None:
                return _INDEXES[self._inserted - number]
            if self._insert(name, value, now):
                static = STATIC_NAMES.get(name)
                return (integer(static, 6, 0x40) if static else b"\x40" + string(name)) + string(value)
        return literal_name(name) + string(value)

    def _insert(self, name: bytes, value: bytes, now: float) -> bool:
        size = len(name) + len(value) + ENTRY_OVERHEAD
        if size > self._limit:
            return False
        if self._used + size > self._limit:
            if now - self._evicted_at < CALM:
                self._declined = True
                return False
            self._evicted_at = now
            self._shrink(self._limit - size)
        self._inserted += 1
        self._entries[name, value] = self._inserted
        self._used += size
        self._changed = True
        return True

    def _shrink(self, room: int) -> None:
        while self._used > room:
            name, value = next(iter(self._entries))
            del self._entries[name, value]
            self._used -= len(name) + len(value) + ENTRY_OVERHEAD
