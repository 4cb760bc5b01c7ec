"""What the client raises, split by what the catcher must do.

CarillonError      also: an answer that is not Carillon's; whatever it is, there is nothing to mend in the request
├── Refused        the caller's fault: mend the request; `problems` names each field
├── TryLater       nothing was stored, or a repetition with the same key finds out: ask again after `after`
├── Unreachable    no answer; the same: repeat with the same key, or the same id
└── NoAnswer       a command was handed to the broker, and what became of it was not heard: it may have been carried
                   out, or may still be. Said again with the same `ids` and `key` it comes to the same
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.flow.send import Problem

SHOWN: Final = 3
"""Ids in a text; a bundle has up to 1,000."""


class CarillonError(Exception):
    """The root of what this package raises."""

    key: str | None = None
    """Under which it was asked, if it was: repeated with the same key, it is worked once."""


class Refused(CarillonError):  # noqa: N818  # reads as what it is where it is caught
    """It was answered with a status below 500 that is no success, or is wrong by the models and was not sent at all."""

    def __init__(self, status: int, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.problems = tuple(problems)


class TryLater(CarillonError):  # noqa: N818  # as above
    """The service cannot take it now. `send`: the id under which it may have been stored all the same."""

    def __init__(self, status: int, detail: str, after: timedelta, send: str | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.after = after
        self.send = send


class Unreachable(CarillonError):  # noqa: N818  # as above
    """There was no answer."""

    def __init__(self, text: str, key: str | None = None) -> None:
        super().__init__(text)
        self.key = key


class NoAnswer(CarillonError):  # noqa: N818  # as above
    """No answer to these commands came: none in time, or the connection was lost meanwhile."""

    def __init__(
        self, ids: Sequence[str], text: str = "no answer to", *, then: str = "", key: str | None = None
    ) -> None:
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        super().__init__(f"{text} {', '.join(ids[:SHOWN])}{more}{then and f': {then}'}")
        self.ids = tuple(ids)
        self.key = key
