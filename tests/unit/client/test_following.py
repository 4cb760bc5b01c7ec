"""The events of a send, read from any pieces, and taken up where they ended."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.client.following import Following


def event(number: int, state: str) -> bytes:
    told = {
        "id": "0123456789", "state": state, "lane": "now", "accepted_at": "2030-01-01T00:00:00Z", "newer": "\u2028é",
        "deadline": "2030-01-02T00:00:00Z", "report": {"state": state, "total": {"planned": number}},
    }  # fmt: skip
    return f"id: {number}\nevent: progress\ndata: {json.dumps(told, ensure_ascii=False)}\n\n".encode()


STREAM = b"retry: 1000\n\n" + event(0, "accepted") + b": still here\n\n" + event(7, "running") + event(8, "finished")


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_pieces_are_the_same_events(cuts: list[int]) -> None:
    following = Following("0123456789")
    seen = [
        one.report.total.planned
        for start, end in pairwise([0, *sorted(cuts), len(STREAM)])
        for one in following.heard(STREAM[start:end])
    ]
    assert seen == [0, 7, 8]
    assert following.over


def test_a_connection_that_breaks_is_taken_up_behind_the_last_event_that_was_whole() -> None:
    following = Following("0123456789")
    assert "last-event-id" not in following.headers()
    following.tries = 3
    assert len(list(following.heard(STREAM[: STREAM.index(b"id: 8") + 20]))) == 2
    assert (following.tries, following.over) == (0, False)
    assert following.headers()["last-event-id"] == "7"
    assert [one.state for one in following.heard(event(8, "finished"))] == ["finished"]
    assert following.over


def test_a_sign_of_life_is_one() -> None:
    following = Following("0123456789")
    following.tries = 3
    assert list(following.heard(b"retry: 1000\n\n")) == []
    assert following.tries == 3
    assert list(following.heard(b": still here\n\n")) == []
    assert following.tries == 0
