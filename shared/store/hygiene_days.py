"""What hygiene did to an app's devices from day to day (UTC): how many, by variant, what was done, by whom and why.

{_id: app|day|variant|did|by|reason, app, day: its midnight, variant, did, by, reason, devices: number}
Written right after what it counts: a process that dies in between leaves that batch uncounted, never counted twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, cast

from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

KEPT: Final = timedelta(days=400)
Did = Literal["retired", "quarantined", "released", "restored"]
By = Literal["evidence", "judged", "suspect", "cap", "gate", "asked"]
"""retired on evidence, or after its window was judged; quarantined as a suspect, or because the cap was used up;
released or restored as the gate tripped, or because somebody asked for it."""


@dataclass(frozen=True, slots=True)
class Done:
    """So many devices of a variant met this on a day."""

    day: date
    variant: str
    did: Did
    by: By
    reason: str
    devices: int


class HygieneDays:
    """The collection `hygiene_days`."""

    INDEXES: Final = (
        IndexModel([("app", 1), ("day", 1)]),
        IndexModel([("day", 1)], expireAfterSeconds=int(KEPT.total_seconds())),
    )

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._days = database["hygiene_days"]

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._days.create_indexes(list(self.INDEXES))

    async def note(self, app: str, variant: str, did: Did, by: By, reasons: Mapping[str, int], now: datetime) -> None:
        """So many devices by reason; nothing where there were none."""
        day = now.astimezone(UTC).date()
        operations = [
            UpdateOne(
                {"_id": f"{app}|{day}|{variant}|{did}|{by}|{reason}"},
                {
                    "$inc": {"devices": devices},
                    "$setOnInsert": {
                        "app": app, "day": datetime.combine(day, time(), UTC), "variant": variant, "did": did,
                        "by": by, "reason": reason,
                    },
                },
                upsert=True,
            )
            for reason, devices in reasons.items()
            if devices
        ]  # fmt: skip
        if operations:
            await self._days.bulk_write(operations, ordered=False)

    async def between(self, app: str, first: date, last: date) -> list[Done]:
        """From the first day to the last, both included, in order."""
        start, end = (datetime.combine(one, time(), UTC) for one in (first, last))
        found = self._days.find({"app": app, "day": {"$gte": start, "$lte": end}}).sort([("day", 1), ("_id", 1)])
        return [
            Done(
                one["day"].date(), one["variant"], cast("Did", one["did"]), cast("By", one["by"]), one["reason"],
                one["devices"],
            )
            async for one in found
        ]  # fmt: skip
