"""One registration of an app on a device, as much of it as a send needs."""

from typing import NamedTuple


class Device(NamedTuple):
    """A device as delivery reads it. A tuple: one is made for every notification.

    `id` is 12 bytes; `token` is what the provider knows it by; `user` is who it belongs to now.
    """

    id: bytes
    token: str
    user: str | None = None
