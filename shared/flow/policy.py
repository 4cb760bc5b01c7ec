"""What an app wants for all its sends: hours in which devices are left alone. Pure."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.flow.local_time import Zone, known_zones
from shared.flow.model import Travelling


def _to_the_minute(value: time) -> time:
    if value.tzinfo is not None or value.second or value.microsecond:
        raise PydanticCustomError("clock_time", "a time of day in hours and minutes, as in 22:00")
    return value


ClockTime = Annotated[time, AfterValidator(_to_the_minute)]


class QuietHours(Travelling):
    """From `start` to `end` of every day, by the clock of each device's own zone."""

    start: ClockTime = Field(description="e.g. 22:00")
    end: ClockTime = Field(description="e.g. 08:00; before `start`, it is of the next day")
    mode: Literal["hold", "drop"] = Field(
        default="hold", description="hold: deliver when they end; drop: suppressed as quiet_hours"
    )
    zone: Zone = Field(default="UTC", description="for devices that named no zone")

    @model_validator(mode="after")
    def _lasts(self) -> "QuietHours":
        if self.start == self.end:
            raise PydanticCustomError("quiet_hours", "start and end are the same time")
        return self

    def ends(self, zone: object, now: datetime) -> datetime | None:
        """When they end for a device of this zone; None: they are not on there now."""
        here = ZoneInfo(zone if isinstance(zone, str) and zone in known_zones() else self.zone)
        local = now.astimezone(here)
        if not self._on(local.time()):
            return None
        day = local.date() + timedelta(days=1 if local.time() >= self.end else 0)
        # A clock that is set back shows the end twice, one that is set forward may not show it at all.
        both = [datetime.combine(day, self.end, here).replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
        return min((one for one in both if one > now and not self._on(one.astimezone(here).time())), default=None)

    def _on(self, clock: time) -> bool:
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


class Policy(Travelling):
    """The wishes of one app. What a send marks as `critical` passes them."""

    quiet_hours: QuietHours | None = None
