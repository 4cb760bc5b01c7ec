"""What the providers of the model say."""

from typing import Final

from shared.flow.verdict import DelayRule, Delivered, Rejected, Retry, Unregistered, Verdict

ANSWERS: Final[tuple[tuple[int, Verdict, bool], ...]] = (
    (50, Delivered(), True),
    (6, Retry("refused_stream", DelayRule.AT_ONCE), False),
    (6, Retry("UNAVAILABLE", DelayRule.FCM_5XX), False),
    (4, Retry("ServiceUnavailable", DelayRule.APNS_5XX), False),
    (6, Retry("timeout", DelayRule.NETWORK, unknown=True), True),
    (4, Retry("timeout", DelayRule.NETWORK, unknown=True), False),
    (5, Unregistered("Unregistered"), False),
    (5, Rejected("BadDeviceToken", suspect=True), False),
)
"""How often, what, and whether the provider took the notification."""
