"""The `android` part of the raw `fcm` block (Firebase, REST resource projects.messages, AndroidConfig)."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from shared.providers.raw_block import Block

MAX_TTL: Final = 2_419_200
"""Seconds, 28 days (Firebase, Set the lifespan of a message)."""
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""As protobuf's JSON takes a Timestamp."""
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def seconds_of(duration: str) -> float:
    """The seconds of a protobuf duration, `3.5s`. Raises `ValueError`."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        message = "a duration is seconds and an s, like 3.5s"
        raise ValueError(message)
    return float(found[1])


def _duration(value: str) -> str:
    seconds_of(value)
    return value


def _ttl(value: str) -> str:
    if seconds_of(value) > MAX_TTL:
        message = f"at most {MAX_TTL}s, 28 days"
        raise ValueError(message)
    return value


def _moment(value: str) -> str:
    if _RFC_3339.fullmatch(value) is None or datetime.fromisoformat(value).tzinfo is None:
        message = "an RFC 3339 time names its offset, as in 2026-01-31T12:00:00Z"
        raise ValueError(message)
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Duration = Annotated[str, AfterValidator(_duration)]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z0-9\-_.~%]{1,50}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
DataMap = dict[str, str | None]
"""Null takes a key away that the unified message would set."""


class Color(Block):
    """A light's colour."""

    red: Fraction | None = None
    green: Fraction | None = None
    blue: Fraction | None = None
    alpha: Fraction | None = None


class LightSettings(Block):
    """How the device's light blinks."""

    color: Color
    light_on_duration: Duration
    light_off_duration: Duration


class AndroidNotification(Block):
    """What Android shows."""

    title: str | None = None
    body: str | None = None
    icon: str | None = None
    color: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] | None = None
    sound: str | None = None
    tag: str | None = None
    click_action: str | None = None
    body_loc_key: str | None = None
    body_loc_args: list[str] | None = None
    title_loc_key: str | None = None
    title_loc_args: list[str] | None = None
    channel_id: str | None = None
    ticker: str | None = None
    sticky: bool | None = None
    event_time: Annotated[str, AfterValidator(_moment)] | None = None
    local_only: bool | None = None
    notification_priority: (
        Literal["PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"] | None
    ) = None
    default_sound: bool | None = None
    default_vibrate_timings: bool | None = None
    default_light_settings: bool | None = None
    vibrate_timings: list[Duration] | None = None
    visibility: Literal["PRIVATE", "PUBLIC", "SECRET"] | None = None
    notification_count: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    light_settings: LightSettings | None = None
    image: str | None = None
    bypass_proxy_notification: bool | None = None
    proxy: Literal["ALLOW", "DENY", "IF_PRIORITY_LOWERED"] | None = None


class AndroidOptions(Block):
    """For Firebase's own statistics."""

    analytics_label: Label | None = None


class AndroidConfig(Block):
    """How Android devices get it."""

    collapse_key: str | None = Field(default=None, description="at most 4 outstanding a device; throttled by Google")
    priority: Annotated[Literal["NORMAL", "HIGH"], BeforeValidator(_upper)] | None = None
    ttl: Annotated[str, AfterValidator(_ttl)] | None = Field(
        default=None, description="at most what remains of the send's life"
    )
    restricted_package_name: str | None = None
    data: DataMap | None = None
    notification: AndroidNotification | None = None
    fcm_options: AndroidOptions | None = None
    direct_boot_ok: bool | None = None
    bandwidth_constrained_ok: bool | None = None
    restricted_satellite_ok: bool | None = None
