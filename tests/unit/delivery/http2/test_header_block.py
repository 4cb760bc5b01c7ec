"""Request blocks mean what was asked, whatever the peer's table, and do not thrash it."""

import hpack
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.http2.block_reader import UNREAD, BlockReader
from services.delivery.http2.frames import Violation
from services.delivery.http2.header_block import CALM, INDEXED, BlockWriter, integer, string

NAMES = [*sorted(INDEXED - {b":authority"}), b"apns-expiration", b"content-type", b"apns-collapse-id"]
FIELDS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.binary(max_size=300)), max_size=5, unique_by=lambda pair: pair[0]
).map(tuple)


def test_numbers_are_written_as_in_the_examples_of_the_rfc() -> None:
    assert integer(10, 5, 0) == b"\x0a"
    assert integer(1337, 5, 0) == b"\x1f\x9a\x0a"
    assert integer(42, 8, 0) == b"\x2a"
    assert string(b"custom-key") == b"\x0acustom-key"


@given(
    st.lists(
        st.tuples(FIELDS, st.integers(0, 20), st.sampled_from([None, 0, 100, 200, 1000, 4096, 65536])), max_size=30
    ),
    st.sampled_from([0, 64, 300, 4096]),
)
def test_every_block_is_read_as_it_was_meant_while_the_table_changes(
    steps: list[tuple[tuple[tuple[bytes, bytes], ...], int, int | None]], first: int
) -> None:
    writer, decoder, now = BlockWriter(b"api.example"), hpack.Decoder(), 0.0
    writer.resize(first)
    decoder.max_allowed_table_size = first
    for shared, seconds, size in steps:
        now += seconds
        if size is not None:
            writer.resize(size)
            decoder.max_allowed_table_size = size
        for _ in range(2):
            parts = writer.parts(shared, now)
            block = parts.head + b"\x04" + string(b"/3/device/1") + parts.tail
            read = [(bytes(f[0]), bytes(f[1])) for f in decoder.decode(block, raw=True)]
            expected = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"api.example")]
            assert read == [*expected, (b":path", b"/3/device/1"), *shared]


def test_a_second_request_of_a_message_repeats_none_of_its_stable_values() -> None:
    writer = BlockWriter(b"api.example")
    shared = ((b"authorization", b"bearer x"), (b"apns-topic", b"app"))
    assert writer.parts(shared, 0).once
    again = writer.parts(shared, 0)
    assert not again.once
    assert b"bearer" not in again.tail
    assert again is writer.parts(shared, 0)


def test_a_shrinking_table_is_announced_with_its_lowest_size() -> None:
    writer = BlockWriter(b"api.example")
    writer.parts((), 0)
    writer.resize(0)
    writer.resize(100)
    assert writer.parts((), 0).head.startswith(b"\x20\x3f\x45")


def test_a_value_larger_than_the_table_stays_out_of_it() -> None:
    writer = BlockWriter(b"api.example")
    writer.parts((), 0)
    assert not writer.parts(((b"authorization", b"x" * 5000),), 0).once


def test_more_apps_than_fit_do_not_thrash_the_table() -> None:
    writer = BlockWriter(b"api.example")
    apps = [((b"apns-topic", b"com.example.app-%03d" % n),) for n in range(200)]
    inserted = sum(writer.parts(app, now=n / 1000).once for n in range(5) for app in apps)
    assert inserted < 70
    assert writer.parts(apps[0], 0.004).tail == writer.parts(apps[0], 0.004).tail
    assert sum(writer.parts(app, CALM + 1).once for app in apps) == 1


def test_an_authorization_that_is_renewed_finds_its_way_into_a_full_table() -> None:
    writer = BlockWriter(b"api.example")
    for n in range(100):
        shared = ((b"authorization", b"bearer %0200d" % n),)
        writer.parts(shared, n * 3000.0)
        assert b"bearer" not in writer.parts(shared, n * 3000.0 + 2 * CALM).tail or n * 3000.0 == 0


def test_a_reader_is_plain_only_after_both_the_acknowledgement_and_the_size_update() -> None:
    reader = BlockReader()
    reader.read(b"\x88")
    assert not reader.plain
    reader.acknowledged()
    reader.read(b"\x88")
    assert not reader.plain
    assert reader.read(b"\x20\x88") == [(b":status", b"200")]
    assert reader.plain


def test_a_peer_that_uses_its_table_before_it_knows_better_is_understood() -> None:
    encoder, reader = hpack.Encoder(), BlockReader()
    fields = [(b":status", b"200"), (b"apns-id", b"one")]
    for _ in range(3):
        assert reader.read(encoder.encode(fields, huffman=False)) == fields
    reader.acknowledged()
    assert reader.read(encoder.encode(fields)) == fields
    encoder.header_table_size = 0
    assert reader.read(encoder.encode(fields)) == fields
    assert reader.plain


NAME = st.one_of(
    st.sampled_from([b":status", b"date", b"apns-id", b"content-type"]), st.binary(min_size=1, max_size=40)
)


@given(st.lists(st.tuples(NAME, st.binary(max_size=400)), max_size=6), st.booleans())
def test_blocks_without_a_table_are_read_as_hpack_reads_them(
    fields: list[tuple[bytes, bytes]],
    huffman: bool,  # noqa: FBT001  # drawn
) -> None:
    encoder, reader = hpack.Encoder(), BlockReader()
    reader.acknowledged()
    encoder.header_table_size = 0
    assert reader.read(encoder.encode([(b":status", b"200")])) == [(b":status", b"200")]
    assert reader.plain
    block = encoder.encode(fields, huffman=huffman)
    read = [(name, value) for name, value in fields if name not in UNREAD]
    assert reader.read(block) == read
    assert reader.read(block) == read


@given(st.binary(max_size=60))
def test_blocks_that_make_no_sense_are_refused_as_hpack_refuses_them(block: bytes) -> None:
    decoder, reader = hpack.Decoder(), BlockReader()
    reader.acknowledged()
    reader.read(b"\x20")
    decoder.header_table_size = decoder.max_allowed_table_size = 0
    try:
        expected = [(bytes(f[0]), bytes(f[1])) for f in decoder.decode(block, raw=True)]
    except hpack.HPACKError:
        expected = None
    try:
        found = reader.read(block)
    except Violation:
        found = None
    assert found == expected
