"""Named recipients: without repeats, and split into what stays in the send and what is stored as lists."""

import json
from collections.abc import Mapping
from typing import Any

from shared.flow.audience import Audience, Exclude
from shared.flow.send import EXCLUDED, Problem, SendRequest

MOST_PROBLEMS = 100


def without_repeats(audience: Audience) -> Audience:
    """The same recipients, each once, in the order in which they were first named."""
    update: dict[str, object] = {
        name: tuple(dict.fromkeys(values))
        for name, values in (("users", audience.users), ("devices", audience.devices))
        if values is not None and len(values) > len(set(values))
    }
    if audience.tokens is not None:
        update["tokens"] = {variant: tuple(dict.fromkeys(tokens)) for variant, tokens in audience.tokens.items()}
    return audience.model_copy(update=update) if update else audience


def named_lists(audience: Audience) -> dict[str, tuple[str, ...]]:
    """The recipients by the name under which they are stored: `users`, `devices` or `tokens/<variant>`."""
    if audience.users is not None:
        return {"users": audience.users}
    if audience.devices is not None:
        return {"devices": audience.devices}
    return {f"tokens/{variant}": tokens for variant, tokens in (audience.tokens or {}).items()}


def excluded_lists(audience: Audience) -> dict[str, tuple[str, ...]]:
    """Who is left out, by the name under which they are stored."""
    lists = {f"{EXCLUDED}users": audience.exclude.users, f"{EXCLUDED}devices": audience.exclude.devices}
    return {name: tuple(dict.fromkeys(values)) for name, values in lists.items() if values}


def cut_down(audience: Audience, most: int) -> Audience:
    """The audience as it is if it names at most so many, else with the first of each list only."""
    if (audience.named or 0) <= most:
        return audience
    if audience.tokens is not None:
        return audience.model_copy(update={"tokens": {variant: one[:1] for variant, one in audience.tokens.items()}})
    name = "users" if audience.users is not None else "devices"
    return audience.model_copy(update={name: getattr(audience, name)[:1]})


def personal_list(audience: Audience, values: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Each user with the values that the send gives for it, as the list `recipients` holds them."""
    return tuple(json.dumps([user, values.get(user, {})], ensure_ascii=False) for user in audience.users or ())


def value_problems(request: SendRequest) -> list[Problem]:
    """What is wrong with the values of a send, beside each value itself."""
    if request.values is None:
        return []
    if request.audience.users is None:
        return [Problem(pointer="/values", detail="values are for users: name them in audience.users")]
    if not request.message.template:
        return [Problem(pointer="/values", detail="values are for templates: message.template is not true")]
    named = set(request.audience.users)
    strangers = [user for user in request.values if user not in named]
    return [
        Problem(pointer=f"/values/{user.replace('~', '~0').replace('/', '~1')}", detail="is not in audience.users")
        for user in strangers[:MOST_PROBLEMS]
    ]


def excluded_cut_down(audience: Audience, most: int) -> Audience:
    """The same for whom it leaves out."""
    if audience.exclude.count <= most:
        return audience
    first = Exclude(users=audience.exclude.users[:1], devices=audience.exclude.devices[:1])
    return audience.model_copy(update={"exclude": first})
