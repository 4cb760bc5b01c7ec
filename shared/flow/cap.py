"""Frequency caps: how many sends of a category one user gets in a period, and whether one more may go out. Pure.

What is counted are sends, not devices: a send to a user with three devices takes one place, which it keeps for as long
as one of them holds it. Taking a place twice is taking it once, whoever does it: a chunk that comes back, a retry, or
another worker after a kill finds the place of its send taken, and goes on.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from shared.flow.model import Travelling

MOST: Final = 100
LONGEST: Final = timedelta(days=31)
JUST_NOW: Final = timedelta(seconds=1)
"""Who took his place no longer ago need not take it again."""


class Cap(Travelling):
    """At most so many sends in any period of this length."""

    most: Annotated[int, Field(ge=1, le=MOST)] = Field(description="sends that one user gets")
    per: Annotated[int, Field(ge=1, le=int(LONGEST.total_seconds()))] = Field(
        description="seconds, at most 31 days; of any stretch of time so long, whenever it begins"
    )

    @property
    def period(self) -> timedelta:
        """How long a place is taken."""
        return timedelta(seconds=self.per)


class Place(NamedTuple):
    """What a send took: when it last set out, and those of the user's devices that hold it. One for every recipient."""

    send: str
    at: datetime
    devices: tuple[bytes, ...]


Places = tuple[Place, ...]


def taken(places: Sequence[Place], send: str, devices: Sequence[bytes], cap: Cap, now: datetime) -> Places | None:
    """The places of a user after this send has set out to these devices; None: there is none left for it."""
    counted = [one for one in places if one.devices and one.at > now - cap.period]
    own = next((one for one in counted if one.send == send), None)
    others = tuple(one for one in counted if one.send != send)
    if own is None:
        return None if len(others) >= cap.most else (*others, Place(send, now, tuple(dict.fromkeys(devices))))
    if now - own.at < JUST_NOW and set(devices) <= set(own.devices):
        return tuple(counted)
    return (*others, Place(send, max(own.at, now), tuple(dict.fromkeys((*own.devices, *devices)))))


def whose(app: str, user: str | None, device: bytes) -> str:
    """Under what the places of a user are kept, or of a device that is nobody's; users are not named."""
    who = f"d{device.hex()}" if user is None else "u" + hashlib.blake2b(user.encode(), digest_size=12).hexdigest()
    return f"{app}.{who}."
