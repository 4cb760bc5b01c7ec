"""The soak's books find what they are there to find."""

import pytest

from tests.soak.books import ACCEPTED, REFUSED_ONCE, Books, End

HELD = (
    (End.DELIVERED, ACCEPTED), (End.REFUSED, REFUSED_ONCE), (End.NOT_PROCESSED, 0), (End.WITHDRAWN, 0),
    (End.UNKNOWN, 0), (End.UNKNOWN, ACCEPTED), (End.UNKNOWN, REFUSED_ONCE),
)  # fmt: skip
BROKEN = (
    (End.DELIVERED, 0), (End.DELIVERED, 2 * ACCEPTED), (End.NOT_PROCESSED, ACCEPTED), (End.WITHDRAWN, ACCEPTED),
    (End.UNKNOWN, 2 * ACCEPTED), (End.REFUSED, ACCEPTED), (End.NONE, 0), (End.NONE, ACCEPTED),
)  # fmt: skip


def _books(*ends: End) -> Books:
    books = Books(10)
    for number, how in zip(books.take(len(ends)), ends, strict=True):
        if how is not End.NONE:
            books.end(number, how)
    return books


def test_ends_that_the_far_end_confirms_are_no_faults() -> None:
    assert _books(*(end for end, _ in HELD)).faults(bytes(came for _, came in HELD)) == []


@pytest.mark.parametrize(("end", "came"), BROKEN)
def test_an_end_that_the_far_end_contradicts_is_a_fault(end: End, came: int) -> None:
    (fault,) = _books(end).faults(bytes([came]))
    assert end.name in fault


def test_a_request_that_ends_twice_is_a_fault() -> None:
    books = _books(End.UNKNOWN)
    books.end(0, End.DELIVERED)
    assert books.faults(bytes([ACCEPTED])) == ["1 requests ended twice"]


def test_full_books_give_no_more_numbers() -> None:
    books = Books(3)
    assert [list(books.take(2)), list(books.take(2)), list(books.take(2))] == [[0, 1], [2], []]
