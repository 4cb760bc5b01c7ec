"""Makes of an audience as it is written one that means the same for ever: segments and times put in. Pure.

A send is resolved when it is accepted: who edits a segment later changes no send that is on its way, and every chunk
of it asks the same question. What is repeated keeps its times before now until each of its moments comes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from shared.flow import filter as filter_
from shared.flow.audience import Audience
from shared.flow.filter import Filter, beyond, conditions, either, every, places_of_segments
from shared.flow.filter_values import RANGE, at, kind_of
from shared.flow.filter_values import Value as FilterValue
from shared.flow.send import Problem

DEPTH: Final = 5
CONDITIONS: Final = 50
VALUES: Final = 500
"""What a sender may write in one filter; with its segments a send may come to more (`filter`)."""


def segment_names(audience: Audience) -> tuple[str, ...]:
    """The segments that an audience names, each once."""
    within = [one.segment for one in conditions(audience.filter) if one.segment] if audience.filter else []
    return tuple(dict.fromkeys([*audience.segments, *within]))


def filter_problem(one: Filter) -> str | None:
    """Why nobody may write such a filter, or None."""
    return beyond(one, DEPTH, CONDITIONS, VALUES)


def resolved(
    audience: Audience, segments: Mapping[str, Filter], now: datetime | None
) -> tuple[Audience, list[Problem]]:
    """The audience without segments and without times that are relative to now (None: these stay); and what is wrong
    with it.
    """
    if audience.filter is None and not audience.segments:
        return audience, []
    problems = _problems(audience, segments)
    if problems:
        return audience, problems
    parts = [either([segments[name] for name in audience.segments])] if audience.segments else []
    parts += [audience.filter] if audience.filter is not None else []
    whole = every([fixed(one, segments, now) for one in parts])
    if whole is not None and (problem := beyond(whole, filter_.DEPTH, filter_.CONDITIONS, filter_.VALUES)):
        return audience, [Problem(pointer="/audience/segments", detail=f"together with the segments: {problem}")]
    return audience.model_copy(update={"filter": whole, "segments": ()}), []


def _problems(audience: Audience, segments: Mapping[str, Filter]) -> list[Problem]:
    found = [
        Problem(pointer=f"/audience/segments/{n}", detail="the app has no such segment")
        for n, name in enumerate(audience.segments)
        if name not in segments
    ]
    if audience.filter is None:
        return found
    if problem := filter_problem(audience.filter):
        found.append(Problem(pointer="/audience/filter", detail=problem))
    return found + [
        Problem(pointer=place, detail=f"the app has no segment {name!r}")
        for place, name in places_of_segments(audience.filter, "/audience/filter")
        if name not in segments
    ]


def at_moment(audience: Audience, moment: datetime) -> Audience:
    """The audience of what is repeated as it is at one of its moments."""
    if audience.filter is None:
        return audience
    return audience.model_copy(update={"filter": fixed(audience.filter, {}, moment)})


def fixed(one: Filter, segments: Mapping[str, Filter], now: datetime | None) -> Filter:
    """The filter with its segments and times put in."""
    if one.segment is not None:
        return fixed(segments[one.segment], segments, now)
    if one.not_ is not None:
        return one.model_copy(update={"not_": fixed(one.not_, segments, now)})
    if one.field is None:
        joined = "and_" if one.and_ is not None else "or_"
        return one.model_copy(update={joined: tuple(fixed(each, segments, now) for each in one.inner())})
    if kind_of(one.field) != "time" or now is None:
        return one
    return one.model_copy(
        update={name: at(str(value), now) for name, value in one.operators().items() if name in RANGE}
    )


def possible(one: Filter | None, platform: str) -> bool:
    """Whether a device of this platform may fit at all, whatever else it says of itself."""
    return one is None or _known(one, platform) is not False


def _known(one: Filter, platform: str) -> bool | None:
    """What the platform alone decides; None: nothing."""
    if one.not_ is not None:
        inner = _known(one.not_, platform)
        return None if inner is None else not inner
    if one.field is None:
        found = {_known(each, platform) for each in one.inner()}
        decisive = one.or_ is not None
        return decisive if decisive in found else None if None in found or not found else not decisive
    return all(_compared(platform, *each) for each in one.operators().items()) if one.field == "platform" else None


def _compared(platform: str, operator: str, operand: FilterValue | tuple[FilterValue, ...]) -> bool:
    if operator == "in":
        return isinstance(operand, tuple) and platform in operand
    return bool(operand) if operator == "exists" else operand == platform
