"""Tells the planner for which variants this process sends nothing for now, so that they are fed apart."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from shared.store.connection import Store
from shared.store.errors import StoreAway

log = structlog.get_logger()


class Telling:
    """Lives as long as the process. What it could not tell is not told again: nothing but fairness depends on it."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._told: dict[str, datetime] = {}

    async def say(self, away: Mapping[str, datetime]) -> None:
        """These variants, until then; no others."""
        before, self._told = self._told, dict(away)
        later: dict[datetime, list[str]] = {}
        for variant, until in away.items():
            if before.get(variant) != until:
                later.setdefault(until, []).append(variant)
        try:
            for until, variants in later.items():
                await self._store.away.note(self._owner, variants, until)
            if back := before.keys() - away.keys():
                await self._store.away.back(self._owner, back)
        except StoreAway as error:
            log.warning("not_told", error=type(error).__name__)
