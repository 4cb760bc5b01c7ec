"""Writes JSON bodies: compact and in UTF-8, so that the providers' limits, which count bytes, hold the most text."""

import json
from typing import Any, Final

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""Made once: `json.dumps` makes one for every call that is not plain, which takes as long as encoding a message."""


def compact(value: Any) -> bytes:
    """The value as JSON. Raises `ValueError` for what JSON cannot say: NaN, infinities, half a surrogate pair."""
    return _ENCODE(value).encode()
