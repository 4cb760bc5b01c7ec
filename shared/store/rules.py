"""Rules: what an operator lays down about all sends of an app.

{_id: app, body: the `Rules` as JSON}
"""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from shared.flow.rules import Rules


class RuleBook:
    """The collection `rules`."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._rules = database["rules"]

    async def ensure(self) -> None:
        """Only `_id` is needed."""

    async def of(self, app: str) -> Rules:
        """The app's rules; those that ask for nothing if none were laid down."""
        found = await self._rules.find_one({"_id": app})
        return Rules.model_validate_json(found["body"]) if found else Rules()

    async def lay_down(self, app: str, rules: Rules) -> None:
        """In the place of those before."""
        body = rules.model_dump_json(exclude_defaults=True).encode()
        await self._rules.replace_one({"_id": app}, {"body": body}, upsert=True)
