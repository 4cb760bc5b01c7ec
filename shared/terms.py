"""What an acceptance rests on beside the app's variants: asked of the store only where a request or a rule needs it."""

from typing import Final

from shared.flow.accept import Terms
from shared.flow.audience import Audience
from shared.flow.recipients import without_repeats
from shared.flow.resolving import possible, resolved, segment_names
from shared.flow.send import SendRequest
from shared.roster import Roster
from shared.runtime.clock import Time
from shared.store.connection import Store
from shared.store.segments import Segments
from shared.store.survey import Survey

KEY: Final = "reach"
"""What samples are drawn by before there is a send."""


class TermsBook:
    """Lives as long as the process."""

    def __init__(self, store: Store, clock: Time) -> None:
        self._segments: Segments = store.segments
        self._survey: Survey = store.survey
        self._clock = clock

    async def of(self, app: str, request: SendRequest, roster: Roster) -> Terms:
        """For this request. A request without segments, of an app without rules, asks nothing."""
        names = segment_names(request.audience)
        rules = roster.rules
        guarded = rules.confirm_above is not None and not request.confirm
        if not names and not guarded:
            return Terms(rules)
        segments = await self._segments.filters(app, names) if names else {}
        reach = 0
        if guarded:
            audience, problems = resolved(without_repeats(request.audience), segments, self._clock.now())
            reach = 0 if problems else await self._reach(app, audience, roster)
        return Terms(rules, segments, reach)

    async def _reach(self, app: str, audience: Audience, roster: Roster) -> int:
        """About how many devices; of named recipients, how many are named."""
        if audience.named is not None:
            return audience.named
        going = [
            one for one in roster.targets
            if (not audience.variants or one.variant in audience.variants)
            and (not audience.platforms or one.platform in audience.platforms)
            and possible(audience.filter, one.platform)
        ]  # fmt: skip
        return sum([(await self._survey.of(app, one.variant, audience, KEY)).matched for one in going])
