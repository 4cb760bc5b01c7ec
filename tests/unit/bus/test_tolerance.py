"""Whatever somebody wrote into a message's properties, it can be read."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st
from pamqp import commands, decode
from pamqp.header import ContentHeader

from shared.bus.tolerance import be_tolerant

TIMESTAMP, HEADERS, TYPE = 0x0040, 0x2000, 0x8000
NESTED = b"\x01k" + b"A" + b"".join(b"%bA" % struct.pack(">I", 5 * (2000 - n)) for n in range(2000))


def read(flags: int, data: bytes) -> commands.Basic.Properties:
    be_tolerant()
    header = ContentHeader()
    header.unmarshal(struct.pack(">HxxQH", commands.Basic.frame_id, 7, flags) + data)
    assert header.body_size == 7
    return header.properties


@given(st.integers(0, 0xFFFF), st.binary(max_size=200))
@example(TIMESTAMP, b"\xff" * 8)
@example(TIMESTAMP, struct.pack(">Q", 10**15))
@example(TYPE, b"\x02\xff\xfe")
@example(HEADERS, struct.pack(">I", 11) + b"\x01\xffT" + b"\x00" * 8)
@example(HEADERS, struct.pack(">I", len(NESTED)) + NESTED)
def test_properties_of_any_bytes_are_read(flags: int, data: bytes) -> None:
    found = read(flags & 0xFFFE, data)  # the last bit says that there are more flags
    assert found.timestamp is None or found.timestamp.year <= 9999


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=20), st.integers(-(2**31), 2**31 - 1) | st.text()))
def test_what_is_in_order_is_read_as_it_was_written(word: str, headers: dict[str, int | str]) -> None:
    written = commands.Basic.Properties(correlation_id=word, headers=dict(headers), delivery_mode=2)
    data = written.marshal()
    found = read(struct.unpack(">H", data[:2])[0], data[2:])
    assert (found.correlation_id or "", found.headers or {}, found.delivery_mode) == (word, headers, 2)


@given(st.binary(max_size=255), st.binary(max_size=9))
def test_a_routing_key_of_any_bytes_is_read_and_never_longer(key: bytes, more: bytes) -> None:
    be_tolerant()
    consumed, found = decode.by_type(bytes([len(key)]) + key + more, "shortstr")
    assert consumed == len(key) + 1
    assert isinstance(found, str)
    assert len(found.encode()) <= len(key)
