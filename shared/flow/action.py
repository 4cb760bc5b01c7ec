"""Actions: the buttons of a notification. The app makes them, or a browser; no provider does."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.flow.model import Travelling

MOST: Final = 10
"""More than any platform shows."""
ActionTitle = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Action(Travelling):
    """One button."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="what the app is told when it is tapped"
    )
    title: ActionTitle
    link: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        default=None, description="what a tap on it opens"
    )
    icon: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        default=None, description="an image of the app, or the address of one"
    )

    @property
    def said(self) -> dict[str, str]:
        """What is given of it."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


def _each_once(value: tuple[Action, ...]) -> tuple[Action, ...]:
    if len({one.id for one in value}) < len(value):
        raise PydanticCustomError("actions", "two actions have the same id")
    return value


Actions = Annotated[tuple[Action, ...], Field(max_length=MOST), AfterValidator(_each_once)]
