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
    return [
        Problem(pointer=prefix + pointer(*(part for part in one["loc"] if part != "[key]")), detail=one["msg"])
        for one in error.errors(include_url=False, include_input=False, include_context=False)[:MOST_PROBLEMS]
    ]
