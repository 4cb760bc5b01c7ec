"""An app's variants and rules as a send needs them: read from the store, opened once, believed for a second.

Who knows how often they were changed (`Apps.changes`) is never given what is older than that.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import ValidationError

from shared.flow.accept import RouteTarget
from shared.flow.rules import Rules
from shared.flow.send import SendRequest
from shared.providers.registry import platforms, provider
from shared.store.rules import RuleBook
from shared.store.variants import Variant, Variants

BELIEVED: Final = timedelta(seconds=1)
REMEMBERED: Final = 10_000
"""Apps whose variants are remembered."""

NO_RULES: Final = Rules()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Roster:
    """The variants of one app, oldest first. `fresh`: just read."""

    targets: tuple[RouteTarget, ...]
    fresh: bool
    rules: Rules = NO_RULES

    def platform(self, variant: str) -> str | None:
        """The platform of one variant, or None if the app has no such variant."""
        return next((one.platform for one in self.targets if one.variant == variant), None)


def canonical(request: SendRequest, targets: Sequence[RouteTarget]) -> SendRequest:
    """The request with every raw token in its provider's one spelling."""
    named = request.audience.tokens
    if named is None:
        return request
    spell = {one.variant: provider(one.platform).canonical for one in targets}
    tokens = {
        variant: tuple(map(spell[variant], found)) if variant in spell else found for variant, found in named.items()
    }
    return request.model_copy(update={"audience": request.audience.model_copy(update={"tokens": tokens})})


Known = tuple[tuple[RouteTarget, ...], Rules]


class Rosters:
    """Lives as long as the process. `monotonic` gives seconds."""

    def __init__(self, variants: Variants, rules: RuleBook, monotonic: Callable[[], float]) -> None:
        self._variants = variants
        self._rules = rules
        self._monotonic = monotonic
        self._known: dict[str, tuple[Known, float]] = {}
        self._opened: dict[str, tuple[int, Any]] = {}
        self._reading: dict[str, asyncio.Future[Known]] = {}
        self._changes: dict[str, int] = {}
        self._turns = itertools.count(1)
        self._newest: dict[str, int] = {}
        """The turn of the read that is known, or of the change since: what was asked before is not put in its place."""

    async def of(self, app: str, *, fresh: bool = False, changes: int | None = None) -> Roster:
        """The app's variants; `fresh` asks the store in any case, `changes` if it is more than when they were read."""
        changed = changes is not None and changes > self._changes.get(app, -1)
        (targets, rules), until = self._known.get(app, (((), NO_RULES), 0.0))
        if not fresh and not changed and until > self._monotonic():
            return Roster(targets, fresh=False, rules=rules)
        reading = self._reading.get(app)
        if reading is None or fresh or changed:
            reading = self._reading[app] = asyncio.ensure_future(self._read_all(app, changes))
        try:
            targets, rules = await asyncio.shield(reading)
            return Roster(targets, fresh=True, rules=rules)
        finally:
            if reading.done() and self._reading.get(app) is reading:
                del self._reading[app]

    async def _read_all(self, app: str, changes: int | None) -> Known:
        """One read for all who ask meanwhile."""
        turn, until = next(self._turns), self._monotonic() + BELIEVED.total_seconds()
        variants = [one for one in await self._variants.all(app) if one.platform in platforms()]
        targets = tuple(
            RouteTarget(one.id, one.platform, settings, provider(one.platform).keeps(settings))
            for one, settings in [(one, self._settings(one)) for one in variants]
        )
        known = targets, await self._rules.of(app)
        if turn > self._newest.get(app, 0):
            self._keep(app, known, until, turn, changes)
        return known

    def _keep(self, app: str, known: Known, until: float, turn: int, changes: int | None) -> None:
        if len(self._newest) >= REMEMBERED:
            for one in (self._known, self._opened, self._changes, self._newest):
                one.clear()
        self._known[app], self._newest[app] = (known, until), turn
        if changes is not None:
            self._changes[app] = max(changes, self._changes.get(app, 0))

    def forget(self, app: str) -> None:
        """They were changed here."""
        self._known.pop(app, None)
        self._reading.pop(app, None)
        self._newest[app] = next(self._turns)

    def _settings(self, variant: Variant) -> Any:
        """The provider's settings, made once for each version: reading a certificate or key takes its time."""
        version, settings = self._opened.get(variant.id, (0, None))
        if version != variant.version:
            settings = _read(variant)
            self._opened[variant.id] = variant.version, settings
        return settings


def _read(variant: Variant) -> Any:
    """None if a stored variant cannot be opened, or no longer fits what its provider asks for."""
    if not variant.opened:
        log.warning("variant_not_opened", variant=variant.id, app=variant.app)
        return None
    try:
        return provider(variant.platform).Settings.model_validate(variant.settings)
    except ValidationError as error:
        log.warning("variant_unreadable", variant=variant.id, problems=error.error_count())
        return None
