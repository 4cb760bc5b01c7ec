"""Versions of apps and operating systems: what is one, and a text for each that sorts as versions do. Pure."""

import re
from functools import lru_cache
from typing import Final

MOST_PARTS: Final = 6
MOST_TEXT: Final = 64
_VERSION: Final = re.compile(
    r"[vV]?(?P<numbers>\d{1,18}(?:\.\d{1,18}){0,5})(?:-(?P<before>[0-9A-Za-z][0-9A-Za-z.-]*))?(?:[+ (].*)?"
)
_DIGITS: Final = re.compile(r"\d+")
RELEASE: Final = "-"
"""Ends the key of a release. Sorts below the dot of a longer version, and above the mark of what came before it."""
BEFORE: Final = "!"


@lru_cache(maxsize=4096)
def order_of(version: str) -> str | None:
    """A key that sorts as versions do: 2.0 = 2 < 2.0.1 < 2.9 < 2.10, and 2.0-rc.1 < 2.0; None if it is no version.

    What follows a plus, a blank or a parenthesis (a build) does not count, as in Semantic Versioning 2.0.0, item 10.
    """
    found = _VERSION.fullmatch(version) if len(version) <= MOST_TEXT else None
    if found is None:
        return None
    numbers = [one.lstrip("0") for one in found["numbers"].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    key = ".".join(map(_padded, numbers))
    return key + (BEFORE + _DIGITS.sub(lambda one: _padded(one[0].lstrip("0")), found["before"] or "")
                  if found["before"] else RELEASE)  # fmt: skip


def _padded(digits: str) -> str:
    """Digits without leading zeros, behind their number: more digits are a greater number."""
    return f"{len(digits):02}{digits}"
