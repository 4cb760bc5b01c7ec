"""Whom a send is for: named recipients, or everyone that a filter keeps. All fields narrow, joined by *and*."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints, model_validator

from shared.flow.model import Travelling

NAMED_INLINE: Final = 10
"""Named recipients up to this many stay in the send; more are stored in parts."""
NAMED_MAX: Final = 1_000_000
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
User = Annotated[str, StringConstraints(min_length=1, max_length=256)]
DeviceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


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


class Audience(Travelling):
    """Whom a send is for. A broadcast must be asked for: `everyone: true`, or `platforms` or `variants`."""

    everyone: bool = Field(default=False, description="every device of the app")
    platforms: tuple[str, ...] = Field(default=(), max_length=20, description="only these platforms, e.g. apns, fcm")
    variants: tuple[str, ...] = Field(default=(), max_length=100, description="only these variants, by id")
    tags: Tags | None = Field(default=None, description="only devices whose tags fit")
    users: tuple[User, ...] | None = Field(default=None, min_length=1, max_length=NAMED_MAX)
    devices: tuple[DeviceId, ...] | None = Field(default=None, min_length=1, max_length=NAMED_MAX)
    tokens: dict[str, tuple[Token, ...]] | None = Field(
        default=None, min_length=1, max_length=20, description="raw provider tokens, by variant id"
    )

    @model_validator(mode="after")
    def _one_kind_of_recipient(self) -> "Audience":
        named = [name for name in ("users", "devices", "tokens") if getattr(self, name) is not None]
        if len(named) > 1:
            message = f"name recipients one way, not by {' and '.join(named)}"
            raise ValueError(message)
        if self.everyone and (named or self.platforms or self.variants or self.tags):
            message = "everyone stands alone; leave it out to narrow"
            raise ValueError(message)
        if not (self.everyone or named or self.platforms or self.variants or self.tags):
            message = "say whom: everyone, platforms, variants, tags, users, devices or tokens"
            raise ValueError(message)
        if self.tokens is not None:
            self._tokens_stand_alone()
        return self

    def _tokens_stand_alone(self) -> None:
        if self.tags or self.platforms or self.variants:
            message = "raw tokens carry no tags, platforms or variants to narrow by"
            raise ValueError(message)
        if not all(self.tokens.values() if self.tokens else ()):
            message = "tokens names a variant without a token"
            raise ValueError(message)
        if sum(map(len, (self.tokens or {}).values())) > NAMED_MAX:
            message = f"at most {NAMED_MAX} tokens in one send"
            raise ValueError(message)

    @property
    def named(self) -> int | None:
        """How many recipients the send names, or None if it is for whoever fits."""
        if self.users is not None:
            return len(self.users)
        if self.devices is not None:
            return len(self.devices)
        if self.tokens is not None:
            return sum(map(len, self.tokens.values()))
        return None
