"""The `aps` dictionary in full (Apple, Generating a remote notification; Starting and updating Live Activities)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from shared.providers.raw_block import Block, Flag, TextOr

Seconds = Annotated[int, Field(ge=0, lt=2**53)]
"""UNIX time."""


def _hyphens(name: str) -> str:
    return name.replace("_", "-")


class Hyphened(Block):
    """A block whose keys are Apple's: words joined by hyphens."""

    model_config = ConfigDict(alias_generator=_hyphens)


class Localized(Hyphened):
    """A text that the app has in its own languages; inside a Live Activity's alert only."""

    loc_key: str
    loc_args: list[str] | None = None


class AlertSound(Hyphened):
    """A sound with its volume; `critical` needs Apple's entitlement."""

    critical: Annotated[int, Field(ge=0, le=1)] | None = None
    name: str | None = None
    volume: Annotated[float, Field(ge=0, le=1)] | None = None


class Alert(Hyphened):
    """What is shown."""

    title: TextOr[Localized] | None = None
    subtitle: str | None = None
    body: TextOr[Localized] | None = None
    launch_image: str | None = None
    title_loc_key: str | None = None
    title_loc_args: list[str] | None = None
    subtitle_loc_key: str | None = None
    subtitle_loc_args: list[str] | None = None
    loc_key: str | None = None
    loc_args: list[str] | None = None
    sound: str | None = None
    action_loc_key: str | None = None
    action: str | None = None
    summary_arg: str | None = None
    summary_arg_count: int | None = None


class Aps(Hyphened):
    """What the system reads; custom keys go beside it. Null takes away what the unified message would set."""

    alert: TextOr[Alert] | None = None
    badge: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    sound: TextOr[AlertSound] | None = None
    thread_id: str | None = None
    category: str | None = None
    content_available: Flag | None = None
    mutable_content: Flag | None = None
    target_content_id: str | None = None
    interruption_level: Literal["passive", "active", "time-sensitive", "critical"] | None = None
    relevance_score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    filter_criteria: str | None = None
    stale_date: Seconds | None = None
    content_state: dict[str, JsonValue] | None = None
    timestamp: Seconds | None = None
    event: Literal["start", "update", "end"] | None = None
    dismissal_date: Seconds | None = None
    attributes_type: str | None = None
    attributes: dict[str, JsonValue] | None = None
    input_push_channel: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")] | None = None
    input_push_token: Flag | None = None
    url_args: list[str] | None = None
    content_changed: bool | None = None
