"""Takes the names of an erased user out of what was said of sends, and tells where they stand. Pure.

Names are the user's, and the ids and tokens of the user's devices. Everybody else stays named, in his place.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

from shared.flow.audience import Audience
from shared.flow.filter import Filter
from shared.flow.message import Message
from shared.flow.receipt import DEVICE
from shared.flow.send import Problem, Send


@dataclass(frozen=True, slots=True)
class Nobody:
    """Who stands in the place of the erased: drawn for each erasure, so that it is nobody in any app."""

    device: str = field(default_factory=lambda: token_bytes(DEVICE).hex())

    @property
    def text(self) -> str:
        """The same as a user or a token."""
        return f"erased-{self.device}"


def without(send: Send, names: Collection[str], nobody: Nobody) -> Send | None:
    """A send that names these no more, or None if it never did; one that named nobody else says nothing any more."""
    audience, request = send.request.audience, dict[str, Any]()
    left = _audience(audience, names, nobody)
    if left != audience:
        request["audience"] = left
    if send.request.values is not None and any(user in names for user in send.request.values):
        request["values"] = {user: own for user, own in send.request.values.items() if user not in names}
    if audience.named == 1 and not send.walks_lists and _named(left) != _named(audience):
        request["message"] = Message()
    change: dict[str, Any] = {"request": send.request.model_copy(update=request)} if request else {}
    problems = tuple(_problem(one, names, nobody) for one in send.problems)
    if problems != send.problems:
        change["problems"] = problems
    return send.model_copy(update=change) if change else None


def filter_without(one: Filter, names: Collection[str], nobody: Nobody) -> Filter:
    """The same conditions, but on nobody where they named one of these."""
    change: dict[str, Any] = {}
    for operator, value in one.operators().items():
        if operator == "in":
            change["in_"] = tuple(_unless(each, names, nobody) for each in value)
        else:
            change[operator] = _unless(value, names, nobody)
    for name in ("and_", "or_"):
        inner = getattr(one, name)
        if inner is not None:
            change[name] = tuple(filter_without(each, names, nobody) for each in inner)
    if one.not_ is not None:
        change["not_"] = filter_without(one.not_, names, nobody)
    return one.model_copy(update=change)


def names_one(body: bytes, app: str, names: Collection[str]) -> bool:
    """Whether a message names one of these: as a whole text in its JSON, or anywhere in bytes that are no JSON.

    What names another app is that one's.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        spelled = {text for one in names for text in (one, json.dumps(one)[1:-1])}
        return any(text.encode(errors="surrogatepass") in body for text in spelled)
    apps = {one["app"] for one in _commands(said) if isinstance(one.get("app"), str)}
    return (not apps or app in apps) and any(text in names for text in _texts(said))


def _audience(audience: Audience, names: Collection[str], nobody: Nobody) -> Audience:
    change: dict[str, Any] = {}
    if audience.users is not None:
        change["users"] = tuple(nobody.text if one in names else one for one in audience.users)
    if audience.devices is not None:
        change["devices"] = tuple(nobody.device if one in names else one for one in audience.devices)
    if audience.tokens is not None:
        change["tokens"] = {
            variant: tuple(nobody.text if one in names else one for one in found)
            for variant, found in audience.tokens.items()
        }
    if audience.filter is not None:
        change["filter"] = filter_without(audience.filter, names, nobody)
    left_out = audience.exclude
    users, devices = (
        tuple(one for one in found if one not in names) for found in (left_out.users, left_out.devices)
    )  # fmt: skip
    if left_out.users != users or left_out.devices != devices:
        change["exclude"] = left_out.model_copy(update={"users": users, "devices": devices})
    return audience.model_copy(update=change) if change else audience


def _named(audience: Audience) -> tuple[Any, ...]:
    return audience.users, audience.devices, audience.tokens


def _problem(one: Problem, names: Collection[str], nobody: Nobody) -> Problem:
    """A pointer into `values` has the user's name for a part (RFC 6901)."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in one.pointer.split("/")]
    if not any(part in names for part in parts):
        return one
    kept = (nobody.text if part in names else part.replace("~", "~0").replace("/", "~1") for part in parts)
    return one.model_copy(update={"pointer": "/".join(kept)})


def _unless(value: Any, names: Collection[str], nobody: Nobody) -> Any:
    return nobody.text if isinstance(value, str) and value in names else value


def _commands(said: Any) -> list[dict[str, Any]]:
    found = said.get("commands", [said]) if isinstance(said, dict) else said
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _texts(said: Any) -> Iterator[str]:
    """Every text in a JSON value, the names of members too; not by recursion, as it may lie deep."""
    left = [said]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
