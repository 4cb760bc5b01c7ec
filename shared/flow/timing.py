"""When a send begins and until when it is worth delivering: fields of a request, and what follows from them. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.flow.cron import NoCron, last_until, next_after, parsed
from shared.flow.local_time import EAST, WEST, LocalTime, Zone, first_moment, last_moment
from shared.flow.model import Travelling
from shared.flow.moment import whole_milliseconds

DEFAULT_TTL: Final = timedelta(hours=24)
MAX_TTL: Final = timedelta(days=28)
"""FCM keeps a message at most this long (Firebase, Set the lifespan of a message); APNs at most 30 days."""
AHEAD: Final = timedelta(days=366)
"""A send may be scheduled this long ahead."""
FOREVER: Final = datetime(2999, 1, 1, tzinfo=UTC)
"""What is repeated without an end has this deadline; each of its sends has one of its own."""
START_WITHIN: Final = timedelta(hours=1)
MOMENTS: Final = frozenset({"send_at", "expires_at", "local", "repeat", "start_within", "canary"})
Wrong = tuple[str, str]
"""A field, as the end of a JSON pointer, and what is wrong with it."""


def _cron(value: str) -> str:
    try:
        parsed(value)
    except NoCron as error:
        raise PydanticCustomError("cron", "{why}", {"why": str(error)}) from error
    return value


class Repeat(Travelling):
    """The moments at which a send is repeated."""

    cron: Annotated[str, StringConstraints(max_length=200), AfterValidator(_cron)] = Field(
        description="minute, hour, day of the month, month, day of the week, as in `0 9 * * mon-fri`"
    )
    zone: Zone = Field(default="UTC", description="by whose clocks")
    until: AwareDatetime | None = Field(default=None, description="not after this moment")

    def after(self, moment: datetime) -> datetime | None:
        """The next time; None: it was the last."""
        found = next_after(parsed(self.cron), self.zone, moment)
        return None if found is None or (self.until is not None and found > self.until) else found

    def last(self, now: datetime) -> datetime | None:
        """The last time until now; None: there was none."""
        return last_until(parsed(self.cron), self.zone, now if self.until is None else min(now, self.until))


class Canary(Travelling):
    """Whom it goes to first, how long to wait for the answers, and how many may fail."""

    share: Annotated[float, Field(gt=0, lt=1)] | None = Field(default=None, description="this part of the recipients")
    number: Annotated[int, Field(ge=1)] | None = Field(default=None, description="about so many recipients")
    wait: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=300, description="seconds after the sample's last answer before the rest goes"
    )
    most_failed: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="with a larger part of the sample failed, the send is paused instead"
    )


class Timed(Travelling):
    """The part of a request that says when."""

    ttl: Annotated[float, Field(gt=0, le=MAX_TTL.total_seconds())] | None = Field(
        default=None, description="seconds until the send is no longer worth delivering; 86,400 unless set"
    )
    send_at: AwareDatetime | None = Field(
        default=None, description="when to begin, at most 366 days ahead; `ttl` counts from then. At once unless set"
    )
    expires_at: AwareDatetime | None = Field(
        default=None, description="nothing is delivered after this moment, whatever `ttl` says"
    )
    local: LocalTime | None = Field(
        default=None,
        description="each device at this time of its own zone, instead of `send_at`; `ttl` counts from then",
    )
    repeat: Repeat | None = Field(default=None, description="sends it again and again, each time as a send of its own")
    canary: Canary | None = Field(default=None, description="sends to a sample first, to the rest if few of it failed")
    per_minute: Annotated[int, Field(ge=1, le=100_000_000)] | None = Field(
        default=None, description="spreads the send: so many notifications a minute are begun, over all variants"
    )
    start_within: Annotated[float, Field(gt=0, le=MAX_TTL.total_seconds())] | None = Field(
        default=None,
        description="seconds: what could not begin so soon after its moment (`send_at`, or a device's own of `local`) "
        "expires as `missed`; 3,600 unless set",
    )

    @property
    def tolerance(self) -> timedelta:
        """How late a scheduled send may begin."""
        return START_WITHIN if self.start_within is None else timedelta(seconds=self.start_within)


def begins_at(request: Timed, now: datetime) -> datetime | None:
    """When a send is to begin; None: at once."""
    moment = request.send_at if request.local is None else first_moment(request.local)
    if request.repeat is not None:
        moment = request.repeat.after(now)
    if moment is None or moment <= now:
        return None
    return whole_milliseconds(moment)


def measured_from(accepted_at: datetime, begins: datetime | None) -> datetime:
    """From when on it counts how long a send takes: nobody waits for what is scheduled before its moment."""
    return accepted_at if begins is None else max(accepted_at, begins)


def deadline_of(request: Timed, begins: datetime) -> datetime:
    """The moment after which nothing of a send that begins then is delivered, in whole milliseconds."""
    if request.repeat is not None:
        return FOREVER if request.repeat.until is None else whole_milliseconds(request.repeat.until + life(request))
    ends = (begins if request.local is None else last_moment(request.local, begins)) + life(request)
    return whole_milliseconds(ends if request.expires_at is None else min(ends, request.expires_at))


def life(request: Timed) -> timedelta:
    """How long a notification is worth delivering."""
    return DEFAULT_TTL if request.ttl is None else timedelta(seconds=request.ttl)


def untimely(request: Timed, now: datetime) -> list[Wrong]:
    """What cannot be kept any more, not yet, or not together; nothing is looked at of a request that says nothing."""
    if request.model_fields_set.isdisjoint(MOMENTS):
        return []
    found = [*_apart(request), *_at(request, now), *_local(request, now), *_repeated(request, now)]
    if not found and request.expires_at is not None and request.expires_at <= (begins_at(request, now) or now):
        found.append(("expires_at", "this is past before the send begins"))
    return found


def _apart(request: Timed) -> Iterator[Wrong]:
    named = [name for name in ("send_at", "local", "repeat") if getattr(request, name) is not None]
    if len(named) > 1:
        yield named[1], f"a send has either {named[0]} or {named[1]}"
    if request.start_within is not None and not named:
        yield "start_within", "this belongs to a send with send_at, local or repeat"
    if request.canary is not None and (request.canary.share is None) == (request.canary.number is None):
        yield "canary", "a canary has either a share or a number"
    if request.repeat is not None and request.expires_at is not None:
        yield "expires_at", "what is repeated has a ttl, and ends with repeat.until"


def _at(request: Timed, now: datetime) -> Iterator[Wrong]:
    if request.send_at is None:
        return
    if request.send_at > now + AHEAD:
        yield "send_at", f"at most {AHEAD.days} days ahead"
    elif request.send_at + request.tolerance < now:
        yield "send_at", "this moment is past, by more than start_within"


def _local(request: Timed, now: datetime) -> Iterator[Wrong]:
    if request.local is None:
        return
    first = first_moment(request.local)
    if first > now + AHEAD:
        yield "local/at", f"at most {AHEAD.days} days ahead"
    elif first + EAST + WEST < now:
        yield "local/at", "this is past in every zone"


def _repeated(request: Timed, now: datetime) -> Iterator[Wrong]:
    if request.repeat is None:
        return
    if request.repeat.until is not None and request.repeat.until >= FOREVER - MAX_TTL:
        yield "repeat/until", "a date of our time"
    elif request.repeat.after(now) is None:
        yield "repeat", "there is no such moment any more"


def missed(begins: datetime, tolerance: timedelta, begun: datetime) -> bool:
    """Whether what was to begin then began so late that it is not sent any more."""
    return begun - begins > tolerance
