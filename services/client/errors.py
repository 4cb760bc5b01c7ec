"""What the client raises, split by what the catcher must do.

CarillonError
├── Refused        the caller's fault: mend the request; `problems` names each field
├── TryLater       nothing was stored, or a repetition with the same key finds out: ask again after `after`
├── Unreachable    no answer; the same: repeat with the same key, or the same id
└── NoAnswer       a command is with the broker, or is not: send it again with the same id
"""

from collections.abc import Sequence
from datetime import timedelta

from shared.flow.send import Problem


class CarillonError(Exception):
    """The root of what this package raises."""


class Refused(CarillonError):  # noqa: N818  # reads as what it is where it is caught
    """The request was answered with a status below 500 that is no success."""

    def __init__(self, status: int, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.problems = tuple(problems)


class TryLater(CarillonError):  # noqa: N818  # as above
    """The service cannot take it now."""

    def __init__(self, status: int, detail: str, after: timedelta) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.after = after


class Unreachable(CarillonError):  # noqa: N818  # as above
    """There was no answer."""


class NoAnswer(CarillonError):  # noqa: N818  # as above
    """No answer to these commands came in time."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"no answer to {', '.join(ids)}")
        self.ids = tuple(ids)
