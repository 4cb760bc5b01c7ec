"""Plans: inserted once before anything is published, never changed.

{_id: send key, app, body: the `Plan` as JSON, closed_at: of a send that ended before it was planned}
"""

from datetime import datetime
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from shared.flow.plan import Plan


class Plans:
    """The collection `plans`."""

    INDEXES: Final = (IndexModel([("closed_at", 1)], partialFilterExpression={"closed_at": {"$exists": True}}),)

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._plans = database["plans"]
        self._durable = self._plans.with_options(read_concern=ReadConcern("majority"))

    async def ensure(self) -> None:
        """Makes the indexes."""
        await self._plans.create_indexes(list(self.INDEXES))

    async def insert(self, plan: Plan, closed_at: datetime | None = None) -> Plan:
        """The plan of this send: ours, or the winner's if there was one before."""
        closed = {"closed_at": closed_at} if closed_at is not None else {}
        body = plan.model_dump_json(exclude_defaults=True).encode()
        try:
            await self._plans.insert_one({"_id": plan.key, "app": plan.app, "body": body, **closed})
        except DuplicateKeyError:
            return await self.get(plan.key) or plan
        return plan

    async def get(self, key: str) -> Plan | None:
        """The plan of a send, or None as long as there is none."""
        found = await self._durable.find_one({"_id": key}, {"body": 1})
        return Plan.model_validate_json(found["body"]) if found else None
