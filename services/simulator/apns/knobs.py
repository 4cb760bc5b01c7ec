"""What can be turned on simulated APNs beyond the knobs that all providers have."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from services.simulator.knobs import Knob, Knobs, Seconds, Share

IDLE = timedelta(hours=1)


class DeviceRate(Knob):
    """The token bucket of one device: `429 TooManyRequests` when it is empty."""

    burst: int = Field(ge=1)
    per_second: float = Field(gt=0)


class ApnsKnobs(Knobs):
    """Rows of table F.1 in brackets."""

    idle_timeout: Seconds | None = IDLE.total_seconds()  # [A29]
    idle_answer: Literal["goaway", "status"] = "goaway"  # [A29] status: the next request gets 400 IdleTimeout
    accept_unknown_tokens: bool = False  # else a token that was not imported is a BadDeviceToken
    punish: bool = False  # [A4] a 4xx other than 410 lowers the stream limit to 1 until the next 200
    gone_delay_days: float = Field(default=0.0, ge=0, le=40)  # [A7] up to so long a removed token still answers 200
    certificate_refusal: Literal["goaway", "two_goaways", "status"] = "goaway"  # [A10]
    future_tolerance: Seconds = 60.0  # [A11] how far ahead of our clock `iat` may be
    wedge_after_expired: bool = False  # [A14]
    documented_environment_reason: bool = False  # [A13] BadEnvironmentKeyIdInToken, as in Apple's table
    background_priority: Literal["reject", "accept"] = "reject"  # [A15] an explicit 10
    require_push_type: bool = False
    malformed_json: Literal["accept", "reject"] = "accept"  # accepted: the device drops it
    power_interval: Seconds = 0.0  # [A19] priority 5 and 1 reach devices in bursts this far apart (simulated time)
    reorder: Share = 0.0  # [A19] this share is overtaken by the device's next notification
    device_rate: DeviceRate | None = None  # [A20]
    error_limit: float | None = Field(default=None, gt=0)  # [A26] points: BadDeviceToken 1, other 4xx 0.25, 410 none
    error_window: Seconds = 60.0  # [A26]
    channel_limit: int = Field(default=10_000, ge=0)  # [A27] an app
    broadcasts: bool = True  # [A27] false: FeatureNotEnabled
