"""Language tags as they are compared: one spelling for each (RFC 5646, section 2.1.1). Pure."""

import re
from functools import lru_cache
from typing import Final

LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_SCRIPT: Final = 4
_REGION: Final = 2


@lru_cache(maxsize=4096)
def canonical_locale(value: str) -> str | None:
    """`pt-BR` for `pt_br`, `zh-Hant-TW` for `ZH-hant-tw`; None if it is no language tag. Android writes en_US."""
    if LANGUAGE_TAG.fullmatch(value) is None:
        return None
    first, *rest = value.replace("_", "-").lower().split("-")
    return "-".join([first, *map(_cased, rest)])


def language_of(locale: str) -> str:
    """The language alone: `pt` of `pt-BR`."""
    return locale.split("-", 1)[0].lower()


def _cased(part: str) -> str:
    if len(part) == _REGION:
        return part.upper()
    return part.title() if len(part) == _SCRIPT and part.isalpha() else part
