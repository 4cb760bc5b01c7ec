"""What ends a command with a sentence for the person at the keyboard; the stack's own errors are in `local.errors`.

CommandError
|- NotAddressedError    it is not known which Carillon, or for which app: set an option or a variable
|- UnreachableError     nothing answered at that address
`- RefusedError         Carillon (or a simulator's control port) said no, and why
"""

from collections.abc import Mapping, Sequence
from typing import Any


class CommandError(Exception):
    pass


class NotAddressedError(CommandError):
    pass


class UnreachableError(CommandError):
    pass


class RefusedError(CommandError):
    """`status` is the HTTP status, `problem` the body: a problem document (RFC 9457) where the server sent one."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(_sentence(status, problem))
        self.status = status
        self.problem = problem


def _sentence(status: int, problem: Mapping[str, Any]) -> str:
    said = problem.get("detail") or problem.get("title") or problem.get("error") or "no reason given"
    errors: Sequence[Mapping[str, Any]] = problem.get("errors") or ()
    lines = [f"  {one.get('pointer') or '/'}: {one.get('detail')}" for one in errors]
    return "\n".join([f"Refused ({status}): {said}", *lines])
