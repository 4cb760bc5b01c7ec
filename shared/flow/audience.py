"""Whom a send is for: named recipients, or everyone that a filter keeps. All fields narrow, joined by *and*.

Those whom `exclude` names are found all the same, and counted as suppressed.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from shared.flow.filter import Filter, SegmentName
from shared.flow.model import Travelling
from shared.flow.topics import CHANNEL, MOST_TEXT, TOPIC, condition_problem

NAMED_INLINE: Final = 10
"""Named recipients up to this many stay in the send; more are stored in parts."""
NAMED_MAX: Final = 1_000_000
EXCLUDED_MAX: Final = 100_000
"""Users and devices that one send may leave out; delivery holds them in memory while it works the send."""
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
User = Annotated[str, StringConstraints(min_length=1, max_length=256)]
DeviceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


KINDS: Final = ("users", "devices", "tokens", "topic", "condition", "channel")
Kept = Literal["topic", "condition", "channel"]
"""What providers keep themselves, as a kind of recipient."""


def _condition(value: str) -> str:
    problem = condition_problem(value)
    if problem is not None:
        raise PydanticCustomError("condition", "{problem}", {"problem": problem})
    return value


class Tags(Travelling):
    """A condition on a device's tags; what is given must hold together."""

    any: tuple[Tag, ...] = Field(default=(), max_length=100, description="at least one of these")
    all: tuple[Tag, ...] = Field(default=(), max_length=100, description="every one of these")
    none: tuple[Tag, ...] = Field(default=(), max_length=100, description="not one of these")

    @model_validator(mode="after")
    def _says_something(self) -> "Tags":
        if not (self.any or self.all or self.none):
            message = "name at least one tag in any, all or none"
            raise ValueError(message)
        return self


class Exclude(Travelling):
    """Who is left out, whoever else they fit. They are counted: `suppressed`, for the reason `excluded`."""

    users: tuple[User, ...] = Field(default=(), max_length=EXCLUDED_MAX)
    devices: tuple[DeviceId, ...] = Field(default=(), max_length=EXCLUDED_MAX)

    @property
    def count(self) -> int:
        """How many it names."""
        return len(self.users) + len(self.devices)


class Audience(Travelling):
    """Whom a send is for. A broadcast must be asked for: `everyone: true`, or `platforms` or `variants`."""

    everyone: bool = Field(default=False, description="every device of the app")
    platforms: tuple[str, ...] = Field(default=(), max_length=20, description="only these platforms, e.g. apns, fcm")
    variants: tuple[str, ...] = Field(default=(), max_length=100, description="only these variants, by id")
    tags: Tags | None = Field(default=None, description="only devices whose tags fit")
    filter: Filter | None = Field(default=None, description="only devices that fit these conditions")
    segments: tuple[SegmentName, ...] = Field(
        default=(), max_length=20, description="only devices in at least one of these saved segments, by name"
    )
    users: tuple[User, ...] | None = Field(default=None, min_length=1, max_length=NAMED_MAX)
    devices: tuple[DeviceId, ...] | None = Field(default=None, min_length=1, max_length=NAMED_MAX)
    tokens: dict[str, tuple[Token, ...]] | None = Field(
        default=None, min_length=1, max_length=20, description="raw provider tokens, by variant id"
    )
    topic: Annotated[str, StringConstraints(pattern=TOPIC)] | None = Field(
        default=None, description="whoever subscribed to this topic at the provider (FCM): one request, counted as one"
    )
    condition: Annotated[str, StringConstraints(max_length=MOST_TEXT), AfterValidator(_condition)] | None = Field(
        default=None, description="the same for a condition, as in `'a' in topics && !('b' in topics)`"
    )
    channel: Annotated[str, StringConstraints(pattern=CHANNEL)] | None = Field(
        default=None, description="whoever follows this broadcast channel of Apple's (Live Activities), by its id"
    )
    exclude: Exclude = Field(default=Exclude(), description="users and devices to leave out")

    @model_validator(mode="after")
    def _one_kind_of_recipient(self) -> "Audience":
        named = [name for name in KINDS if getattr(self, name) is not None]
        if len(named) > 1:
            message = f"name recipients one way, not by {' and '.join(named)}"
            raise ValueError(message)
        narrowed = bool(self.platforms or self.variants or self.tags or self.filter or self.segments)
        if self.everyone and (named or narrowed):
            message = "everyone stands alone; leave it out to narrow"
            raise ValueError(message)
        if not (self.everyone or named or narrowed):
            message = "say whom: everyone, platforms, variants, tags, filter, segments, " + ", ".join(KINDS)
            raise ValueError(message)
        if self.tokens is not None:
            self._tokens_stand_alone()
        if self.provider_kept is not None and (self.narrowed or self.segments or self.exclude.count):
            message = "only the provider knows who follows a topic or channel: narrow by platforms and variants only"
            raise ValueError(message)
        return self

    def _tokens_stand_alone(self) -> None:
        if self.tags or self.platforms or self.variants or self.filter or self.segments:
            message = "raw tokens carry nothing to narrow by: no tags, filter, segments, platforms or variants"
            raise ValueError(message)
        for variant, tokens in (self.tokens or {}).items():
            if not tokens:
                raise PydanticCustomError("tokens", "names a variant without a token", {"at": ("tokens", variant)})
        if sum(map(len, (self.tokens or {}).values())) > NAMED_MAX:
            message = f"at most {NAMED_MAX} tokens in one send"
            raise ValueError(message)

    @property
    def narrowed(self) -> bool:
        """Whether the registry has to be asked for more than whom it is for."""
        return self.tags is not None or self.filter is not None

    @property
    def provider_kept(self) -> tuple[Kept, str] | None:
        """The target that only the provider can resolve, with its kind."""
        if self.topic is not None:
            return "topic", self.topic
        if self.channel is not None:
            return "channel", self.channel
        return ("condition", self.condition) if self.condition is not None else None

    @property
    def named(self) -> int | None:
        """How many recipients the send names, or None if it is for whoever fits."""
        if self.users is not None:
            return len(self.users)
        if self.devices is not None:
            return len(self.devices)
        if self.tokens is not None:
            return sum(map(len, self.tokens.values()))
        return None if self.provider_kept is None else 1
