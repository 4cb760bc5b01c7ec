"""Decides which slices go onto the bus next: a window's worth, one app after the other. Pure."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant of a send with slices that are not on the bus yet.

    `sizes` are the chunks of each, in the order of release.
    """

    app: str
    send: str
    """Any name for the two: what it is fed by."""
    sizes: tuple[int, ...]


def choose(candidates: Iterable[Candidate], room: int, after: str | None = None) -> dict[str, int]:
    """How many slices of each send to release into `room` chunks, round-robin over apps; the last served stands last.

    An app's sends take turns, too. `after` is the app that was served last: the turn goes on behind it. A slice that
    is larger than the room left is released into it as the last one, so that room is never too small for any.
    """
    apps: OrderedDict[str, deque[Candidate]] = OrderedDict()
    for one in sorted((one for one in candidates if one.sizes), key=lambda one: (one.app, one.send)):
        apps.setdefault(one.app, deque()).append(one)
    if after is not None:
        for app in [app for app in apps if app <= after]:
            apps.move_to_end(app)
    chosen: dict[str, int] = {}
    while apps and room > 0:
        app, sends = apps.popitem(last=False)
        one = sends.popleft()
        taken = chosen.pop(one.send, 0)
        chosen[one.send] = taken + 1  # as the last one, so that the caller knows who was served last
        room -= one.sizes[taken]
        if taken + 1 < len(one.sizes):
            sends.append(one)
        if sends:
            apps[app] = sends
    return chosen
