"""Reads answers' header blocks: in step with the peer's table while it may use one, field by field when it does not.

The `hpack` library takes 32 µs for an error's block, `PlainReader` 5, so that dead tokens do not slow a campaign down.
"""

from typing import Final

import hpack
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from services.delivery.http2.frames import ErrorCode, Violation

MAX_HEADER_LIST: Final = 65_536
"""Bytes of an answer's fields, decoded, before the connection is given up; the real ones have under 1,000."""
STATIC: Final = HeaderTable.STATIC_TABLE
REMEMBERED: Final = 512
"""Fields kept as they were on the wire. Unique ones (an id) push the others out now and then, which costs little."""
LONGEST_REMEMBERED: Final = 256
"""Bytes of a field: a peer that says long ones must not fill our memory with them."""
UNREAD: Final = frozenset({b"apns-id", b"apns-unique-id"})
"""Other in each answer, and read by nobody: the first is our own, come back. Decoding them was half of the cost."""
INDEXED, INCREMENTAL, SIZE_UPDATE = 0x80, 0x40, 0x20
MOST_INTEGER_BYTES: Final = 4

Field = tuple[bytes, bytes]


class BlockReader:
    """Answers' fields. While the peer may use its dynamic table, every block must pass through here, in order.

    We allow a table of size 0. Once the peer has acknowledged that and said so in a block, a block has no effect on the
    next one: `plain`, and blocks that are known by their first byte need not be read. A peer that never says so is not
    punished (RFC 9113, section 4.3.1 would have us end the connection): all of its blocks are read, with the table that
    it may still be using.
    """

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(MAX_HEADER_LIST)
        self._plain = PlainReader()
        self._acknowledged = False
        self.plain = False

    def acknowledged(self) -> None:
        """The peer has acknowledged our SETTINGS."""
        self._acknowledged = True

    def read(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """The fields of a block. Raises `Violation`."""
        if self.plain:
            return self._plain.read(block)
        try:
            fields = [(bytes(field[0]), bytes(field[1])) for field in self._decoder.decode(block, raw=True)]
        except hpack.OversizedHeaderListError as error:
            raise Violation(ErrorCode.ENHANCE_YOUR_CALM, "header list too large") from error
        except hpack.HPACKError as error:
            raise Violation(ErrorCode.COMPRESSION_ERROR, "header block cannot be read") from error
        if self._acknowledged and self._decoder.header_table_size == 0:
            self.plain = True
        return fields


class PlainReader:
    """One per connection. Raises `Violation`."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Field] = {}
        self._names: dict[bytes, bytes] = {}

    def read(self, block: bytes) -> list[Field]:
        """The fields of a block."""
        try:
            return self._fields(block)
        except (IndexError, hpack.HPACKDecodingError) as error:
            raise Violation(ErrorCode.COMPRESSION_ERROR, "header block cannot be read") from error

    def _fields(self, block: bytes) -> list[Field]:
        found: list[Field] = []
        at, size = 0, len(block)
        while at < size:
            first = block[at]
            if first >= INDEXED:
                index, at = _integer(block, at, 0x7F)
                found.append(_static(index))
            elif first & 0xE0 == SIZE_UPDATE:
                to, at = _integer(block, at, 0x1F)
                if to or found:
                    raise hpack.HPACKDecodingError("size update above ours, or not at the start")
            else:
                end = _end_of_literal(block, at)
                raw = block[at:end]
                field = self._seen.get(raw) or self._decoded(raw)
                if field[0] not in UNREAD:
                    found.append(field)
                at = end
        return found

    def _decoded(self, raw: bytes) -> Field:
        index, at = _integer(raw, 0, 0x3F if raw[0] >= INCREMENTAL else 0x0F)
        if index:
            name = _static(index)[0]
        else:
            name, at = self._name(raw, at)
        if name in UNREAD:
            return name, b""
        value, _ = _string(raw, at)
        if len(raw) <= LONGEST_REMEMBERED:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[raw] = name, value
        return name, value

    def _name(self, raw: bytes, at: int) -> tuple[bytes, int]:
        length, start = _integer(raw, at, 0x7F)
        coded = raw[at : start + length]
        name = self._names.get(coded)
        if name is None:
            name, _ = _string(coded, 0)
            if len(coded) <= LONGEST_REMEMBERED:
                if len(self._names) >= REMEMBERED:
                    self._names.clear()
                self._names[coded] = name
        return name, start + length


def _end_of_literal(block: bytes, at: int) -> int:
    index, at = _integer(block, at, 0x3F if block[at] >= INCREMENTAL else 0x0F)
    if not index:
        length, at = _integer(block, at, 0x7F)
        at += length
    length, at = _integer(block, at, 0x7F)
    if at + length > len(block):
        raise hpack.HPACKDecodingError("literal is cut")
    return at + length


def _integer(block: bytes, at: int, most: int) -> tuple[int, int]:
    """RFC 7541, section 5.1: the number, and where the next thing begins."""
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for place in range(MOST_INTEGER_BYTES):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004  # the last one
            return value, at
    raise hpack.HPACKDecodingError("number too large")


def _string(raw: bytes, at: int) -> tuple[bytes, int]:
    huffman = raw[at] & 0x80
    length, at = _integer(raw, at, 0x7F)
    value = raw[at : at + length]
    return decode_huffman(value) if huffman else value, at + length


def _static(index: int) -> Field:
    if not 0 < index <= len(STATIC):
        raise hpack.HPACKDecodingError("no such entry")
    name, value = STATIC[index - 1]
    return bytes(name), bytes(value)
