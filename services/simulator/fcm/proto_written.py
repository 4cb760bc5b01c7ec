"""Writes what the reader of a request returned as JSON again, for logs: the reverse of `proto_json`."""

from datetime import datetime, timedelta
from typing import Any

SECOND = timedelta(seconds=1)


def written(value: Any) -> Any:
    """The same value in JSON's own kinds: times in the zone they came with, durations in as few digits as they need."""
    match value:
        case dict():
            return {name: written(each) for name, each in value.items()}
        case list():
            return [written(each) for each in value]
        case datetime():
            return value.isoformat()
        case timedelta():
            return _duration(value)
        case _:
            return value


def _duration(value: timedelta) -> str:
    seconds, rest = divmod(abs(value), SECOND)
    digits = f"{seconds}.{rest.microseconds:06}".rstrip("0").rstrip(".")
    return f"{'-' if value < timedelta() else ''}{digits}s"
