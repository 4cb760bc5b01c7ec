"""Makes of what a person typed the request that a backend would have written; tells what is wrong with it."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.cli.errors import CommandError
from shared.flow.send import SendRequest


def compose(
    start: Mapping[str, Any], message: Mapping[str, Any], audience: Mapping[str, Any], rest: Mapping[str, Any]
) -> SendRequest:
    """The request; what is empty was not asked for. Raises CommandError that names the wrong field."""
    said = {**start.get("message", {}), **_given(message)}
    wanted = {
        **start,
        **({"message": said} if said or "template" not in {**start, **_given(rest)} else {}),
        "audience": {**start.get("audience", {}), **_given(audience)},
        **_given(rest),
    }
    try:
        return SendRequest.model_validate(wanted)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"{'.'.join(map(str, one['loc'])) or 'send'}: {one['msg']}" for one in wrong]
        raise CommandError("\n".join(lines)) from error


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value is not False and _says(value)}


def _says(value: object) -> bool:
    """Zero is said, an empty list or object is not."""
    return not isinstance(value, list | dict) or bool(value)


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """What was written as KEY=VALUE."""
    found = [one.partition("=") for one in given or ()]
    for name, equals, _ in found:
        if not equals:
            raise CommandError(f"{option} {name}: write KEY=VALUE")
    return {name: value for name, _, value in found}


def some(**fields: Any) -> dict[str, Any] | None:
    """Those that were given; None if none was."""
    return _given(fields) or None


def template(named: str | None) -> dict[str, Any] | None:
    """`name`, or `name@version`."""
    if named is None:
        return None
    name, at, version = named.partition("@")
    if at and not version.isdecimal():
        raise CommandError(f"--template {named}: write NAME or NAME@VERSION")
    return {"name": name, **({"version": int(version)} if at else {})}


def values_by_user(file: str | None, same: Sequence[str] | None, users: Sequence[str] | None) -> dict[str, Any]:
    """What the message's template is told of each user: his own values, or the same of all that are named."""
    if file is not None and same:
        raise CommandError("--values and --value: give one of them")
    if same and not users:
        raise CommandError("--value: say of which --user")
    return read_object("--values", file) or (dict.fromkeys(users or (), pairs("--value", same)) if same else {})


def local(moment: str | None, zone: str | None) -> dict[str, Any] | None:
    """At this time of each device's own zone; `zone` is for devices that named none."""
    return None if moment is None else {"at": moment, **({"zone": zone} if zone else {})}


def repeat(cron: str | None, zone: str | None) -> dict[str, Any] | None:
    """By the clocks of this zone."""
    return None if cron is None else {"cron": cron, **({"zone": zone} if zone else {})}


def canary(share: str | None) -> dict[str, Any] | None:
    """A part in per cent, or a number of recipients."""
    if share is None:
        return None
    try:
        return {"share": float(share.removesuffix("%")) / 100} if share.endswith("%") else {"number": int(share)}
    except ValueError as error:
        raise CommandError(f"--canary {share}: write a part as 1% or a number as 1000") from error


def read_object(option: str, given: str | None) -> dict[str, Any] | None:
    """A JSON object as it was typed, or from a file: `@name`, and `@-` for standard input."""
    if given is None:
        return None
    try:
        found = json.loads(_text(given[1:]) if given.startswith("@") else given)
    except (OSError, ValueError) as error:
        raise CommandError(f"{option} {given}: {error}") from error
    if not isinstance(found, dict):
        raise CommandError(f"{option} {given}: not a JSON object")
    return found


def read_send(file: Path | None) -> dict[str, Any]:
    """A whole send from a file; `-` is standard input."""
    if file is None:
        return {}
    try:
        found = json.loads(_text(str(file)))
    except (OSError, ValueError) as error:
        raise CommandError(f"--request {file}: {error}") from error
    if not isinstance(found, dict):
        raise CommandError(f"--request {file}: a send is a JSON object")
    return found


def _text(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
