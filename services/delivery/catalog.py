"""What chunks need again and again: sends and plans, which never change, and variants, which are asked afresh."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from shared.flow.plan import Plan, own_plan
from shared.flow.send import Send
from shared.providers.contract import Provider, VariantSettings
from shared.store.connection import Store
from shared.store.errors import Missing, Unsealable
from shared.store.parking import Parked
from shared.store.variants import Variant

SENDS_KEPT: Final = 4000
PLANS_KEPT: Final = 200
VARIANT_FRESH: Final = timedelta(seconds=5)
"""A rotated credential, or that a variant was parked or resumed elsewhere, is taken up within this time."""


@dataclass(frozen=True, slots=True)
class Credentialed:
    """A variant with its settings validated by its provider. `parked`: nothing but a probe is sent for it."""

    variant: Variant
    settings: VariantSettings
    parked: Parked | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A variant whose settings cannot be opened or understood here, say in the middle of a key rotation."""

    version: int
    parked: Parked | None = None


Known = Credentialed | Unreadable | None


class Catalog:
    """A bounded memory over the store. Lives as long as the process; shared by all its chunks."""

    def __init__(self, store: Store, provider: Provider[Any, Any]) -> None:
        self._store = store
        self._provider = provider
        self._sends: OrderedDict[str, Send] = OrderedDict()
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._variants: dict[str, tuple[float, Known]] = {}

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

    async def variant(self, app: str, variant: str) -> Known:
        """The variant as it is now, or None if it was deleted."""
        fresh_until, known = self._variants.get(variant, (0.0, None))
        if time.monotonic() < fresh_until:
            return known
        known = await self._read(app, variant, known)
        if known is not None:
            parked = (await self._store.parking.of([variant])).get(variant)
            holds = parked is not None and parked.version >= _version(known)
            known = replace(known, parked=parked if holds else None)
        self._variants[variant] = (time.monotonic() + VARIANT_FRESH.total_seconds(), known)
        return known

    def kin(self, one: Credentialed) -> list[Credentialed]:
        """It and the others that are known here and send with the same credentials."""
        identity = self._provider.authorization_identity(one.settings)
        known = [found for _, found in self._variants.values() if isinstance(found, Credentialed)]
        same = [found for found in known if self._provider.authorization_identity(found.settings) == identity]
        return [one, *(found for found in same if found.variant.id != one.variant.id)] if identity else [one]

    def forget(self, variant: str) -> None:
        """It changed just now, and we know: the next one who asks reads it."""
        _, known = self._variants.get(variant, (0.0, None))
        self._variants[variant] = (0.0, known)

    async def _read(self, app: str, variant: str, known: Known) -> Known:
        try:
            found = await self._store.variants.get(app, variant)
            if isinstance(known, Credentialed) and known.variant == found:
                return known  # its settings are made once: reading a key or certificate takes its time
            return Credentialed(found, self._provider.Settings.model_validate(found.settings))
        except Missing:
            return None
        except (Unsealable, ValidationError):
            version = await self._store.variants.version(variant)
            return None if version is None else Unreadable(version)


def _version(known: Credentialed | Unreadable) -> int:
    return known.variant.version if isinstance(known, Credentialed) else known.version
