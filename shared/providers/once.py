"""Names a notification on the device, so that a repeat of it is shown once."""

import hashlib
from typing import Final

COLLAPSE_ID_BYTES: Final = 64
"""Apple, Sending notification requests to APNs: `apns-collapse-id` must not exceed 64 bytes."""


def shown_once(send_key: str) -> str:
    """The collapse id and tag of a send: the same for every repeat, and no other send's."""
    return hashlib.blake2b(send_key.encode(), digest_size=12).hexdigest()


def collapse_id_unfit(value: str) -> str | None:
    """Why APNs would not take it as a collapse id, or None: bytes count, not characters, and it is a header's value."""
    if len(value.encode(errors="surrogatepass")) > COLLAPSE_ID_BYTES:
        return f"at most {COLLAPSE_ID_BYTES} bytes of UTF-8"
    if not value.isprintable() or value != value.strip():
        return "no control characters and no white space around it"
    return None
