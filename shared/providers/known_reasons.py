"""Which reasons a metric may name: each platform's own words and ours; whatever else somebody says is `other`. Pure."""

from functools import cache
from typing import Final

from shared.providers.registry import provider

OTHER: Final = "other"
OURS: Final = frozenset(
    {
        "", "answer_awaited", "capped", "dropped", "excluded", "gone", "missed", "not_opted_in", "opted_out",
        "poison", "quiet_hours", "reassigned", "rendering", "stale", "unknown_outcome", "variant_deleted",
        "zone_passed",
    }
)  # fmt: skip
"""Of notifications that were not sent, or given up."""
ON_THE_WAY: Final = frozenset(
    {
        "HTTP_400", "HTTP_401", "HTTP_403", "HTTP_404", "HTTP_413", "HTTP_429", "HTTP_500", "HTTP_502", "HTTP_503",
        "HTTP_504", "closing", "connection_lost", "goaway", "intercepted", "no_connection", "not_sent",
        "not_written_in_time", "refused_soon_after_issue", "refused_stream", "renewal_takes_too_long", "reset",
        "route_down", "settings_unreadable", "store_away", "stream", "timeout", "token_answer_unreadable",
    }
)  # fmt: skip
"""Of those that got no answer of the provider's own, or for which there was no authorization."""
WITH_A_CODE: Final = ("goaway_", "reset_", "stream_")
"""What follows is an error code of HTTP/2."""


@cache
def known_to(platform: str) -> frozenset[str]:
    """Every reason that may be told apart."""
    return OURS | ON_THE_WAY | provider(platform).reasons


def label(platform: str, reason: str) -> str:
    """The reason as a metric may have it; of one with a detail behind a colon, maybe only what it is a detail of."""
    known = known_to(platform)
    if reason in known:
        return reason
    head = next((code[:-1] for code in WITH_A_CODE if reason.startswith(code)), reason.partition(":")[0])
    return head if head in known else OTHER
