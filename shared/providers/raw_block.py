"""Checks a raw block against its platform's schema, naming what is wrong by its place in what the sender wrote."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from shared.flow.send import Problem
from shared.providers.pointer import pointer

Flag = Annotated[int, Field(ge=1, le=1)]
"""The number 1, and neither `true` nor 1.0, which `Literal[1]` would let pass."""


class Block(BaseModel):
    """A part of a raw block: types as written, unknown fields refused. What is sent is the sender's own JSON."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


def _kind(value: Any) -> str:
    return "<text>" if isinstance(value, str) else "<object>"


_Object = TypeVar("_Object")
TextOr = Annotated[Annotated[str, Tag("<text>")] | Annotated[_Object, Tag("<object>")], Discriminator(_kind)]
"""A string or an object, such that a mistake inside the object is told as one."""

_Model = TypeVar("_Model", bound=BaseModel)


def checked(model: type[_Model], raw: dict[str, Any], platform: str) -> _Model | list[Problem]:
    """The block, or what is wrong with it; pointers start at the message and never repeat a value."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        told: dict[str, list[str]] = {}
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            place = pointer(platform, *_place(raw, one["loc"], missing=one["type"] == "missing"))
            told.setdefault(place, []).append(one["msg"])
        return [Problem(pointer=place, detail="; or ".join(details)) for place, details in told.items()]


def _place(raw: Any, loc: tuple[str | int, ...], *, missing: bool) -> list[str | int]:
    """The error's location without the parts that pydantic adds for unions and keys; they are in no document."""
    place: list[str | int] = []
    for part in loc:
        known = part in raw if isinstance(raw, dict) else isinstance(raw, list) and part in range(len(raw))
        if known:
            raw = raw[part]
            place.append(part)
    return [*place, loc[-1]] if missing else place
