"""Apple's reasons with their statuses, and the refusal that a check returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# Apple, "Handling notification responses from APNs" and "Sending broadcast push notification requests to APNs";
# BadEnvironmentKeyInToken is what the wire says where Apple's table prints BadEnvironmentKeyIdInToken.
STATUS: dict[str, int] = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    "BadMessageId": 400,
    "BadPriority": 400,
    "BadTopic": 400,
    "DeviceTokenNotForTopic": 400,
    "DuplicateHeaders": 400,
    "IdleTimeout": 400,
    "InvalidPushType": 400,
    "MissingDeviceToken": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "BadCertificate": 403,
    "BadCertificateEnvironment": 403,
    "ExpiredProviderToken": 403,
    "Forbidden": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "UnrelatedKeyIdInToken": 403,
    "BadEnvironmentKeyIdInToken": 403,
    "BadEnvironmentKeyInToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
    # broadcast and channels
    "FeatureNotEnabled": 400,
    "MissingChannelId": 400,
    "BadChannelId": 400,
    "ChannelNotRegistered": 400,
    "BadRequestParams": 400,
    "BadRequestPayload": 400,
    "MissingPushType": 400,
    "CannotCreateChannelConfig": 400,
    "TopicMismatch": 403,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not accepted; `since` goes with 410 only."""

    reason: str
    since: datetime | None = None

    @property
    def status(self) -> int:
        """The HTTP status of the reason."""
        return STATUS[self.reason]
