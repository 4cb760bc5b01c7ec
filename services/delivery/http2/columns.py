"""A run of requests as bytes: columns of pieces, joined row by row.

The hot path of writing: everything per notification happens inside C (slice assignment, `map`, `join`). Measured:
0.25 to 0.6 µs a notification, against 1.5 µs for a loop with one `join` each.
"""

from collections.abc import Sequence

from services.delivery.http2.batch import Batch, Column
from services.delivery.http2.frames import DATA, END_HEADERS, END_STREAM, HEAD, HEADERS, WORD
from services.delivery.http2.header_block import Parts


class _Heads(dict[int, bytes]):
    """The first five bytes of a frame, by its length: all but the stream."""

    def __init__(self, kind: int, flags: int) -> None:
        super().__init__()
        self._kind = kind
        self._flags = flags

    def __missing__(self, length: int) -> bytes:
        made = self[length] = HEAD.pack(length << 8 | self._kind, self._flags, 0)[:5]
        return made


_HEADERS = _Heads(HEADERS, END_HEADERS)
_DATA = _Heads(DATA, END_STREAM)


def run_bytes(batch: Batch, start: int, stop: int, first: int, parts: Parts) -> bytes:
    """HEADERS and one DATA frame for each of these requests, on the streams from `first` on."""
    if batch.plan_parts is not parts:
        batch.plan = _plan(batch, parts)
        batch.plan_parts = parts
    n = stop - start
    streams = list(map(WORD.pack, range(first, first + 2 * n, 2)))
    width = len(batch.plan)
    pieces: list[bytes] = [b""] * (width * n)
    for place, column in enumerate(batch.plan):
        if column is None:
            pieces[place::width] = streams
        elif isinstance(column, bytes):
            pieces[place::width] = [column] * n
        else:
            pieces[place::width] = column[start:stop]
    return b"".join(pieces)


def _plan(batch: Batch, parts: Parts) -> list[Column | None]:
    """The columns of a batch on one connection; None is the stream. Neighbours that never change become one."""
    common = len(parts.head) + len(parts.tail)
    sizes = batch.field_sizes
    head: Column = _HEADERS[common + sizes] if isinstance(sizes, int) else [_HEADERS[common + size] for size in sizes]
    path, *own = batch.columns
    columns: list[Column | None] = [head, None, parts.head, *path, parts.tail]
    for one in own:
        columns += one
    columns += [_data_heads(batch), None, batch.bodies]
    return _merged(columns)


def _data_heads(batch: Batch) -> Column:
    sizes = batch.body_sizes
    if sizes is None or len(set(sizes)) == 1:
        return _DATA[batch.widest_body]
    return list(map(_DATA.__getitem__, sizes))


def _merged(columns: Sequence[Column | None]) -> list[Column | None]:
    merged: list[Column | None] = []
    for column in columns:
        last = merged[-1] if merged else None
        if isinstance(column, bytes) and isinstance(last, bytes):
            merged[-1] = last + column
        else:
            merged.append(column)
    return merged


def header_fields(batch: Batch, index: int, parts: Parts) -> bytes:
    """The header block of one request, for the ones that cannot go with a run."""
    path, *own = batch.columns
    tail = b"".join(_cell(column, index) for columns in own for column in columns)
    return parts.head + b"".join(_cell(column, index) for column in path) + parts.tail + tail


def _cell(column: Column, index: int) -> bytes:
    return column if isinstance(column, bytes) else column[index]
