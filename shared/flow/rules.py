"""What an operator lays down about all sends of an app: what must be confirmed, who is stale, who must opt in."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from shared.flow.cap import Cap
from shared.flow.model import Travelling

Category = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
CATEGORIES: Final = 50


class Rules(Travelling):
    """The rules of one app; without any, nothing is asked and nobody is left out."""

    confirm_above: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="a send that would reach more devices than this is refused unless it says `confirm`"
    )
    stale_after_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None, description="a device that did not register for so many days is suppressed as `stale`"
    )
    opt_in: tuple[Category, ...] = Field(
        default=(), max_length=CATEGORIES, description="categories that reach only devices which said yes to them"
    )
    caps: Annotated[dict[Category, Cap], Field(max_length=CATEGORIES)] = Field(
        default={}, description="by category: how many sends of it one user gets in a period; the others are suppressed"
    )
