"""The filter language: typed conditions on what devices say of themselves, joined by and, or, not. Pure.

    {"and": [{"field": "language", "in": ["de", "fr"]},
             {"field": "app_version", "gte": "2.3"},
             {"not": {"field": "attributes.plan", "eq": "free"}}]}

A condition on something that a device does not have does not hold; `not` turns that round. Nothing that a sender
writes is ever an operator of the store: it is compiled from these fields (`shared/store/filtering.py`).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from shared.flow.filter_values import OPERATORS, field_problem, value_of
from shared.flow.model import Travelling

DEPTH: Final = 12
"""Conditions within conditions, the outermost counted: what a send may come to with its segments (`resolving`)."""
CONDITIONS: Final = 500
VALUES: Final = 5000
"""Values of all sets together."""
BESIDE: Final = 50
IN: Final = 200
FIELD: Final = (
    r"^(tags|user|platform|locale|language|zone|app_version|os_version|registered_at"
    r"|attributes\.[A-Za-z_][A-Za-z0-9_-]{0,63})$"
)
SegmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_VALUE_SCHEMA: Final = {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "number"}, {"type": "boolean"}]}
Operand = Annotated[Any, BeforeValidator(value_of), WithJsonSchema(_VALUE_SCHEMA)]


class Filter(Travelling):
    """One of: `and`, `or`, `not`, `segment`, or a `field` with one operator or more (which must hold together)."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    and_: tuple["Filter", ...] | None = Field(default=None, alias="and", min_length=1, max_length=BESIDE)
    or_: tuple["Filter", ...] | None = Field(default=None, alias="or", min_length=1, max_length=BESIDE)
    not_: "Filter | None" = Field(default=None, alias="not")
    segment: SegmentName | None = Field(default=None, description="who is in this saved segment")
    field: Annotated[str, StringConstraints(pattern=FIELD)] | None = Field(
        default=None,
        description="`tags`, `user`, `platform`, `locale`, `language`, `zone`, `app_version`, `os_version`, "
        "`registered_at`, or `attributes.NAME`",
    )
    eq: Operand | None = Field(default=None, description="is this; of tags: has this")
    in_: tuple[Operand, ...] | None = Field(
        default=None, alias="in", min_length=1, max_length=IN, description="is one of these; of tags: has one of these"
    )
    gt: Operand | None = None
    gte: Operand | None = None
    lt: Operand | None = None
    lte: Operand | None = None
    exists: bool | None = Field(default=None, description="whether the device has it at all")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Filter":
        kinds = [one for one in (self.and_, self.or_, self.not_, self.segment, self.field) if one is not None]
        if len(kinds) != 1:
            raise PydanticCustomError("filter", "one of: and, or, not, segment, or a field with an operator")
        used = self.operators()
        if self.field is None:
            if used:
                raise PydanticCustomError("filter", "an operator needs a field")
            self._bounded()
        else:
            if not used:
                raise PydanticCustomError("filter", "give the field an operator: eq, in, gt, gte, lt, lte or exists")
            found = field_problem(self.field, used)
            if found is not None:
                at, problem = found
                raise PydanticCustomError("filter", "{problem}", {"problem": problem, "at": at})
        return self

    def _bounded(self) -> None:
        problem = beyond(self, DEPTH, CONDITIONS, VALUES)
        if problem is not None:
            raise PydanticCustomError("filter", "{problem}", {"problem": problem})

    def operators(self) -> dict[str, Any]:
        """The operators that are given, with what they compare to."""
        given = {name: getattr(self, "in_" if name == "in" else name) for name in OPERATORS}
        return {name: value for name, value in given.items() if value is not None}

    def inner(self) -> tuple["Filter", ...]:
        """The filters directly within this one."""
        return self.and_ or self.or_ or ((self.not_,) if self.not_ is not None else ())


def beyond(one: Filter, deep: int, many: int, values: int) -> str | None:
    """Which of these bounds a filter breaks, in words."""
    if depth(one) > deep:
        return f"conditions lie within one another at most {deep} deep"
    leaves = list(conditions(one))
    if len(leaves) > many:
        return f"at most {many} conditions in one filter"
    if sum(len(each.in_ or ()) for each in leaves) > values:
        return f"at most {values} values in all sets of one filter"
    return None


def depth(one: Filter) -> int:
    """How many conditions lie within one another; a condition on a field is 1."""
    return 1 + max(map(depth, one.inner()), default=0)


def conditions(one: Filter) -> Iterator[Filter]:
    """Every condition on a field or segment, in the order in which they are written."""
    if not one.inner():
        yield one
    for each in one.inner():
        yield from conditions(each)


def places_of_segments(one: Filter, at: str = "") -> Iterator[tuple[str, str]]:
    """Every segment that is named, with the JSON pointer of where."""
    if one.segment is not None:
        yield f"{at}/segment", one.segment
    if one.not_ is not None:
        yield from places_of_segments(one.not_, f"{at}/not")
    for joined, inner in (("and", one.and_), ("or", one.or_)):
        for number, each in enumerate(inner or ()):
            yield from places_of_segments(each, f"{at}/{joined}/{number}")


def every(filters: list[Filter]) -> Filter | None:
    """What holds if all of these do; None if there is none. It may be deeper than what a sender may write."""
    if len(filters) < 2:  # noqa: PLR2004  # one needs no joining
        return filters[0] if filters else None
    return Filter.model_construct(and_=tuple(filters))


def either(filters: list[Filter]) -> Filter:
    """What holds if one of these does."""
    return filters[0] if len(filters) == 1 else Filter.model_construct(or_=tuple(filters))


def has_tag(tag: str) -> Filter:
    """The condition that a device has this tag."""
    return Filter.model_construct(field="tags", eq=tag)


def has_one_tag(tags: tuple[str, ...]) -> Filter:
    """The condition that it has one of these."""
    return Filter.model_construct(field="tags", in_=tags)


def negated(one: Filter) -> Filter:
    """What holds where this does not."""
    return Filter.model_construct(not_=one)
