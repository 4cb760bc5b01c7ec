"""Writes JSON bodies: compact and in UTF-8, so that the providers' limits, which count bytes, hold the most text."""

import json
from typing import Any


def compact(value: Any) -> bytes:
    """The value as JSON. Raises `ValueError` for what JSON cannot say: NaN, infinities, half a surrogate pair."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
