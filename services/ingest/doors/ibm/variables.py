"""`{{name}}` in an alert: what the device gave as `variables` when it was registered, filled in for each device. Pure.

IBM's SDKs fill it in on the phone, from what they gave at the registration; here it is there before, for every app.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from shared.flow.message import Message
from shared.templates.words import ATTRIBUTE

VARIABLE: Final = re.compile(r"\{\{\s*(" + ATTRIBUTE.pattern + r")\s*\}\}")
_TEMPLATE: Final = re.compile(r'\{\{ device\.attributes\.(\S+) \| default\(""\) \}\}')
_OPENING: Final = re.compile(r"\{[{%#]")
Json = dict[str, Any]


class NotFilled(Exception):  # noqa: N818  # said of the text
    """It holds what might be taken for a variable and is none."""


def filled(message: Json) -> Json:
    """The message, with variables as templates of ours where its alert holds any. Raises `NotFilled`."""
    alert = message.get("body", "")
    if VARIABLE.search(alert) is None:
        return message
    data = message.get("fcm", {}).get("data", {})
    others = {**message, "body": "", "fcm": {**message.get("fcm", {}), "data": {**data, "alert": ""}}}
    if any(_OPENING.search(text) for text in (VARIABLE.sub("", alert), *_texts(others))):
        raise NotFilled("with variables in the alert, {{, {% and {# may stand for nothing else in the message")
    template = VARIABLE.sub(r'{{ device.attributes.\1 | default("") }}', alert)  # as _TEMPLATE reads it
    said: Json = {**message, "body": template, "template": True}
    if "fcm" in said:
        said["fcm"] = {**said["fcm"], "data": {**said["fcm"]["data"], "alert": template}}
    return said


def restored(message: Message) -> str | None:
    """The alert as it was asked for."""
    return _TEMPLATE.sub(r"{{\1}}", message.body) if message.template and message.body else message.body


def _texts(value: Any) -> Iterator[str]:
    """Every text in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
