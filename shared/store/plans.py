"""Plans: inserted once before anything is published, never changed.

{_id: send key, app, body: the `Plan` as JSON}
"""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from shared.flow.plan import Plan


class Plans:
    """The collection `plans`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._plans = database["plans"]
        self._durable = self._plans.with_options(read_concern=ReadConcern("majority"))

    async def ensure(self) -> None:
        """Only `_id` is needed."""

    async def insert(self, plan: Plan) -> Plan:
        """The plan of this send: ours, or the winner's if there was one before."""
        try:
            await self._plans.insert_one(
                {"_id": plan.key, "app": plan.app, "body": plan.model_dump_json(exclude_defaults=True).encode()}
            )
        except DuplicateKeyError:
            return await self.get(plan.key) or plan
        return plan

    async def get(self, key: str) -> Plan | None:
        """The plan of a send, or None as long as there is none."""
        found = await self._durable.find_one({"_id": key}, {"body": 1})
        return Plan.model_validate_json(found["body"]) if found else None
