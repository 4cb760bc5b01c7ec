"""Hands out an app's devices a page at a time, in the order of their shards: no cursor stays open in between."""

from collections.abc import AsyncIterator
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from shared.store.filtering import SCAN_INDEX, in_service

PAGE: Final = 2000


class Export:
    """Reads the collection `devices`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def ensure(self) -> None:
        """The indexes are those of `devices`."""

    async def pages(self, app: str, variant: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Every device of a variant that is in service from beginning to end; each at most once."""
        start = 0
        while True:
            query = {**in_service(app, variant), "shard": {"$gte": start}}
            found = self._devices.find(query, hint=SCAN_INDEX, limit=PAGE, batch_size=PAGE).sort("shard", 1)
            page = await found.to_list(None)
            if len(page) < PAGE:
                yield page
                return
            last = page[-1]["shard"]
            whole = [one for one in page if one["shard"] < last]  # there may be more of the last shard
            start = last if whole else last + 1
            yield whole or page
