"""What chunks need again and again: sends and plans, which never change, and variants, which are asked afresh."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.flow.plan import Plan, own_plan
from shared.flow.send import Send
from shared.providers.contract import Provider, VariantSettings
from shared.store.connection import Store
from shared.store.errors import Missing
from shared.store.variants import Variant

SENDS_KEPT: Final = 4000
PLANS_KEPT: Final = 200
VARIANT_FRESH: Final = timedelta(seconds=5)
"""A rotated credential is taken up within this time."""


@dataclass(frozen=True, slots=True)
class Credentialed:
    """A variant with its settings validated by its provider."""

    variant: Variant
    settings: VariantSettings


class Catalog:
    """A bounded memory over the store. Lives as long as the process; shared by all its chunks."""

    def __init__(self, store: Store, provider: Provider[Any, Any]) -> None:
        self._store = store
        self._provider = provider
        self._sends: OrderedDict[str, Send] = OrderedDict()
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._variants: dict[str, tuple[float, Credentialed | None]] = {}

    async def sends(self, keys: Iterable[str]) -> dict[str, Send]:
        """Those of these sends that are stored; one read for all that are not remembered."""
        wanted = set(keys)
        missing = [key for key in wanted if key not in self._sends]
        if missing:
            found = await self._store.sends.many(missing)
            self._sends.update(found)
        result = {key: self._sends[key] for key in wanted if key in self._sends}
        while len(self._sends) > SENDS_KEPT:
            self._sends.popitem(last=False)
        return result

    async def plan(self, send: Send) -> Plan | None:
        """The plan of a send; a small one is its own."""
        if send.small:
            return own_plan(send)
        plan = self._plans.get(send.key) or await self._store.plans.get(send.key)
        if plan is not None:
            self._plans[send.key] = plan
        while len(self._plans) > PLANS_KEPT:
            self._plans.popitem(last=False)
        return plan

    async def variant(self, app: str, variant: str) -> Credentialed | None:
        """The variant as it is now, or None if it was deleted."""
        fresh_until, known = self._variants.get(variant, (0.0, None))
        if time.monotonic() < fresh_until:
            return known
        try:
            found = await self._store.variants.get(app, variant)
        except Missing:
            known = None
        else:
            if known is None or known.variant.version != found.version:
                known = Credentialed(found, self._provider.Settings.model_validate(found.settings))
        self._variants[variant] = (time.monotonic() + VARIANT_FRESH.total_seconds(), known)
        return known
