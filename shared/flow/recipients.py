"""Named recipients: without repeats, and split into what stays in the send and what is stored as lists."""

from shared.flow.audience import Audience


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


def cut_down(audience: Audience, most: int) -> Audience:
    """The audience as it is if it names at most so many, else with the first of each list only."""
    if (audience.named or 0) <= most:
        return audience
    if audience.tokens is not None:
        return audience.model_copy(update={"tokens": {variant: one[:1] for variant, one in audience.tokens.items()}})
    name = "users" if audience.users is not None else "devices"
    return audience.model_copy(update={name: getattr(audience, name)[:1]})
