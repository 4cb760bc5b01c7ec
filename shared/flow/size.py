"""How large a send may be: one that names many recipients larger than any other. Pure, the same for both doors."""

import json
from typing import Any, Final

from shared.flow.audience import NAMED_INLINE
from shared.flow.recipients import without_repeats
from shared.flow.send import Problem, SendRequest

SMALL: Final = 64 * 1024
"""Bytes of an ordinary request."""
LARGE: Final = 32 * 1024 * 1024
"""Bytes of a request that names many recipients: a million of 30 bytes each."""


def most_bytes(request: SendRequest) -> int:
    """How many bytes this request may have: what is not stored as lists stays in the send, and that is one document."""
    audience = request.audience
    if (audience.named or 0) > NAMED_INLINE and (without_repeats(audience).named or 0) > NAMED_INLINE:
        return LARGE
    left_out = audience.exclude.count > NAMED_INLINE and request.values is None
    return LARGE if left_out else SMALL


def message_problems(request: SendRequest) -> list[Problem]:
    """What a large request may have are recipients: its message is kept in one document, as that of any other."""
    audience = request.audience
    if max(audience.named or 0, audience.exclude.count) <= NAMED_INLINE:
        return []
    size = len(request.message.model_dump_json(exclude_defaults=True).encode())
    return [Problem(pointer="/message", detail=too_large(SMALL))] if size > SMALL else []


def limit_broken(request: SendRequest, size: int) -> int | None:
    """The limit that a request of so many bytes is beyond; nothing is looked at of a small one."""
    return most if size > SMALL and size > (most := most_bytes(request)) else None


def too_large(most: int) -> str:
    """What is said of a request of more bytes than that."""
    return f"at most {most // 1024:,} kB"


def bytes_of(value: Any, beside: frozenset[str] = frozenset()) -> int:
    """The bytes of one of many requests in a body, as it would be posted alone; without the members `beside`."""
    if beside and isinstance(value, dict):
        value = {name: one for name, one in value.items() if name not in beside}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))
