"""Undoes by range of time what hygiene did to devices, and counts the marks that it left. See `quarantine`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

HELD: Final = {"quarantine.condemned": {"$in": [False, True]}}
"""As the index has it."""
Mark = Literal["retired", "quarantined", "condemned"]


@dataclass(frozen=True, slots=True)
class Marked:
    """How many devices of a variant bear a mark, by reason."""

    variant: str
    mark: Mark
    reason: str
    devices: int


@dataclass(frozen=True, slots=True)
class Span:
    """From then to then, both included; of one variant of an app, or of all."""

    app: str
    start: datetime
    end: datetime
    variant: str | None = None


class Undoing:
    """The collection `devices`, as one sees it who takes back a mistake."""

    INDEXES: Final = (
        IndexModel([("app", 1), ("retired.at", 1)], partialFilterExpression={"retired.at": {"$exists": True}}),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._devices = database["devices"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._devices.create_indexes(list(self.INDEXES))

    async def restore(self, span: Span, now: datetime, most: int) -> int:
        """Back into service: at most so many of the devices that were retired in this time."""
        where: dict[str, Any] = {"app": span.app, "retired.at": {"$gte": span.start, "$lte": span.end}}
        where |= {"variant": span.variant} if span.variant else {}
        return await self._undo(where, now, most)

    async def release(self, span: Span, variants: Sequence[str], now: datetime, most: int) -> int:
        """Out of quarantine: at most so many of the devices of these variants that were put there in this time."""
        at = {"$gte": span.start, "$lte": span.end}
        return await self._undo(
            {**HELD, "variant": {"$in": list(variants)}, "app": span.app, "quarantine.at": at}, now, most
        )

    async def _undo(self, where: dict[str, Any], now: datetime, most: int) -> int:
        """`restored_at` outlives every finding that was seen before: a result that comes twice undoes nothing."""
        found = await self._devices.find(where, {"_id": 1}, limit=most).to_list(None)
        some = {**where, "_id": {"$in": [one["_id"] for one in found]}}
        change = {"$unset": {"retired": "", "quarantine": ""}, "$set": {"live": True, "restored_at": now}}
        return (await self._devices.update_many(some, change)).modified_count

    async def marked(self, app: str, variants: Sequence[str]) -> list[Marked]:
        """How many devices of these variants of an app bear which mark, by reason."""
        gone = {"app": app, "retired.at": {"$exists": True}, "variant": {"$in": list(variants)}}
        held = {**HELD, "variant": {"$in": list(variants)}, "app": app}
        found = await self._counted(gone, "retired") + await self._counted(held, "quarantine")
        return [Marked(one["variant"], _mark(one.get("condemned")), one["reason"], one["n"]) for one in found]

    async def _counted(self, where: dict[str, Any], mark: str) -> list[dict[str, Any]]:
        by = {"variant": "$variant", "reason": f"${mark}.reason", "condemned": f"${mark}.condemned"}
        stages: list[dict[str, Any]] = [{"$match": where}, {"$group": {"_id": by, "n": {"$sum": 1}}}]
        return [{**one["_id"], "n": one["n"]} for one in await (await self._devices.aggregate(stages)).to_list()]


def _mark(condemned: bool | None) -> Mark:  # noqa: FBT001  # as the row has it
    return "retired" if condemned is None else "condemned" if condemned else "quarantined"
