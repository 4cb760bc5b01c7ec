"""A saved segment: a filter under a name, to be used in audiences. It is put into a send when that is accepted."""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from shared.flow.filter import Filter, SegmentName, conditions
from shared.flow.model import Travelling
from shared.flow.resolving import filter_problem


class SegmentContent(Travelling):
    """What a segment stands for."""

    filter: Filter = Field(description="conditions; not on another segment")
    description: Annotated[str, StringConstraints(max_length=500)] = ""

    @field_validator("filter")
    @classmethod
    def _alone(cls, filter_: Filter) -> Filter:
        problem = filter_problem(filter_)
        if any(one.segment for one in conditions(filter_)):
            problem = "a segment cannot name another segment"
        if problem is not None:
            raise PydanticCustomError("filter", "{problem}", {"problem": problem})
        return filter_


class Segment(SegmentContent):
    """A segment as it is saved."""

    name: SegmentName
