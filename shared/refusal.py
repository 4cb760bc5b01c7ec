"""What is wrong with what a backend asks for, on its way from whoever finds out to the door that says so."""

from collections.abc import Sequence

from shared.flow.send import Problem


class Unacceptable(Exception):  # noqa: N818  # said of the request
    """Nothing came of the request: these things are wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].detail)
        self.problems = tuple(problems)
