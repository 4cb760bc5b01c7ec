"""One registration of an app on a device, as much of it as a send needs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A device as delivery reads it. `id` is 12 bytes; `token` is what the provider knows it by."""

    id: bytes
    token: str
    user: str | None = None
    locale: str | None = None
    registered_at: datetime | None = None
