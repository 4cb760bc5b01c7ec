"""Devices as the clients of compatible doors ask for them: by any of the ids that they may have, and page by page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from shared.store.device_row import unsubscribed

AT_ONCE: Final = 1000
"""Devices that lose a tag in one write."""
ORDER: Final = [("shard", 1), ("token", 1), ("_id", 1)]
"""As the index has them that begins with app, variant and live."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Which:
    """Those in service in these variants; of a user, or with a tag, if one is given."""

    app: str
    variants: Sequence[str]
    user: str | None = None
    tag: str | None = None

    @property
    def query(self) -> Row:
        """As the store is asked."""
        own = {"user": self.user} if self.user is not None else {}
        tagged = {"facets": f"t:{self.tag}"} if self.tag is not None else {}
        return {"app": self.app, "variant": {"$in": list(self.variants)}, "live": True, **own, **tagged}


class Named:
    """A part of the collection `devices`."""

    def __init__(self, database: AsyncDatabase[Row]) -> None:
        self._devices = database["devices"]

    async def find(self, app: str, ids: Iterable[bytes]) -> list[Row]:
        """Those of the app that have one of these ids, the last registered first."""
        found = self._devices.find({"_id": {"$in": list(ids)}, "app": app})
        return await found.sort("registered_at", -1).to_list(None)

    async def page(self, which: Which, offset: int, size: int) -> list[Row]:
        """So many of them, from this one on."""
        return await self._devices.find(which.query).sort(ORDER).skip(offset).limit(size).to_list(None)

    async def count(self, which: Which) -> int:
        """How many there are."""
        return await self._devices.count_documents(which.query)

    async def remove(self, app: str, ids: Iterable[bytes]) -> int:
        """Removes these; how many there were."""
        return (await self._devices.delete_many({"_id": {"$in": list(ids)}, "app": app})).deleted_count

    async def untag(self, app: str, variants: Sequence[str], tag: str, rounds: int) -> bool:
        """Takes a tag from every device, in or out of service; False: not yet from all, after so many rounds."""
        where = {"app": app, "variant": {"$in": list(variants)}, "facets": f"t:{tag}"}
        for _ in range(rounds):
            found = await self._devices.find(where, {"_id": 1}).limit(AT_ONCE).to_list(None)
            if not found:
                return True
            ids = [one["_id"] for one in found]
            await self._devices.update_many({"_id": {"$in": ids}, "app": app}, unsubscribed([tag], {}))
        return False
