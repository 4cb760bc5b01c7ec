"""Finds a provider by its name: every folder beside this file that defines `PROVIDER` is one."""

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, Final, cast

from pydantic import ValidationError

import shared.providers
from shared.flow.message import Message
from shared.flow.send import Problem
from shared.providers import localized
from shared.providers.contract import Provider, Target, VariantSettings
from shared.providers.pointer import pointer

MOST_PROBLEMS: Final = 100


@cache
def platforms() -> tuple[str, ...]:
    """The names of all providers, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(shared.providers.__path__) if m.ispkg))


@cache
def provider(platform: str) -> Provider[Any, Any]:
    """The provider of that name; raises `LookupError` for a platform that does not exist."""
    if platform not in platforms():
        message = f"no platform {platform!r}; there are {', '.join(platforms())}"
        raise LookupError(message)
    found: Provider[Any, Any] = importlib.import_module(f"shared.providers.{platform}").PROVIDER
    return found


def check_message(
    message: Message, targets: dict[str, Sequence[VariantSettings]], target: str = "token"
) -> list[Problem]:
    """What is wrong with a message for these variants by platform; pointers start at the message."""
    problems = [
        Problem(pointer=f"/{name}", detail=f"unknown field; raw blocks are {', '.join(platforms())}")
        for name in message.raw
        if name not in platforms()
    ]
    names = sorted(set(targets) | (set(message.raw) & set(platforms())))
    for name in names:
        problems += provider(name).check(message, targets.get(name, ()), cast("Target", target))
        if message.localized:
            check = partial(provider(name).check, settings=targets.get(name, ()), target=cast("Target", target))
            problems += localized.problems(message, check)
    return list(dict.fromkeys(problems))  # what is wrong on every platform is told once


def problems_of(error: ValidationError, prefix: str = "") -> list[Problem]:
    """A pydantic error as problems by JSON pointer (RFC 6901), the first 100; never repeats the rejected value."""
    found = error.errors(include_url=False, include_input=False)[:MOST_PROBLEMS]
    said = [(one, _place(one["loc"], one.get("ctx", {}).get("at", ()))) for one in found]
    within = {place[:length] for _, place in said for length in range(len(place))}
    return [
        Problem(pointer=prefix + pointer(*place), detail=one["msg"].removeprefix(_VALUE_ERROR))
        for one, place in said
        if one["type"] != "too_short" or place not in within  # of a list whose entries are all wrong
    ]


def _place(loc: tuple[str | int, ...], within: Sequence[str | int]) -> tuple[str | int, ...]:
    """`within`: where in a value that was looked at as a whole it is wrong."""
    return (*(part for part in loc if part != "[key]"), *within)


_VALUE_ERROR: Final = "Value error, "
"""What pydantic says before what we say."""
