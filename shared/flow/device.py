"""One registration of an app on a device, as much of it as a send needs."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Device(NamedTuple):
    """A device as delivery reads it. A tuple: one is made for every notification.

    `id` is 12 bytes; `token` is what the provider knows it by; `user` is who it belongs to now; `facts` are what
    templates use of the registration, as it is stored. None: nobody asked for them, or it is not registered.
    """

    id: bytes
    token: str
    user: str | None = None
    facts: Mapping[str, Any] | None = None
