"""The knobs that Firebase adds to the common ones; every default is what Google does."""

from typing import Literal

from pydantic import Field

from services.simulator.fcm.access_token import LIFE
from services.simulator.fcm.assertion import AUDIENCE
from services.simulator.fcm.fanout import CONCURRENT_LIMIT, PER_SECOND
from services.simulator.fcm.quota import DEVICE_PER_HOUR, DEVICE_PER_MINUTE, PROJECT_PER_MINUTE
from services.simulator.knobs import Fault, Knob, Knobs, Seconds, Step

STREAM_LIMIT = 100  # per connection (the protocol reference, B.5)
IDLE_TIMEOUT = 240.0  # seconds; Google's front ends close a silent connection after some minutes


class Apns(Knob):
    """The ApnsError that goes with an error."""

    status: int
    reason: str


class FcmStep(Step):
    """One scripted answer. `reason` is the FcmError code; "" leaves the FcmError detail out."""

    state: str = Field(default="", description="the canonical code; else it follows from the reason or the status")
    message: str = Field(default="", description="else Google's text for the code")
    html: bool = Field(default=False, description="a front end's page instead of JSON")
    apns: Apns | None = None


class FcmFault(FcmStep, Fault):
    """A scripted answer that a share of all sends meets."""


class FcmKnobs(Knobs):
    """See the fields; `reset` goes back to these."""

    stream_limit: int = Field(default=STREAM_LIMIT, ge=0)
    stream_excess: Literal["refuse", "goaway", "serve"] = "goaway"
    goaway_debug: str = "server_shutting_down"
    idle_timeout: Seconds | None = IDLE_TIMEOUT
    faults: tuple[FcmFault, ...] = ()

    token_faults: tuple[FcmFault, ...] = Field(default=(), description="faults of the token endpoint")
    access_token_seconds: Seconds = Field(default=LIFE, description="life of an access token")
    clock_skew: Seconds = Field(default=300.0, description="seconds that an assertion's times may be off")
    audiences: tuple[str, ...] = Field(
        default=(AUDIENCE,), description="what `aud` may be; https://<the simulator>/token always may"
    )

    unknown_project: Literal[403, 404] = Field(default=404, description="answer for a project nobody registered")
    accept_unknown_tokens: bool = Field(default=False, description="register a token on its first send, as Android's")
    malformed: Literal["fcm_error", "bad_request"] = Field(
        default="fcm_error", description="how a malformed token is told: by text, or by BadRequest alone"
    )
    ios_disabled: Literal[400, 404] = Field(default=400, description="status with ApnsError 410 Unregistered")

    project_per_minute: int = Field(default=PROJECT_PER_MINUTE, ge=0)
    device_per_minute: int = Field(default=DEVICE_PER_MINUTE, ge=0)
    device_per_hour: int = Field(default=DEVICE_PER_HOUR, ge=0)
    quota_retry_after: Literal["refill", "none"] | Seconds = Field(
        default="refill", description="Retry-After of a quota's 429: until it refills, absent, or these seconds"
    )
    fanout_per_second: float = Field(default=PER_SECOND, gt=0)
    fanout_concurrent: int = Field(default=CONCURRENT_LIMIT, ge=0)
    topic_requests_per_second: int = Field(default=3000, ge=0, description="instance id calls of a project")
    delivery_data_lag_days: int = Field(default=3, ge=0)
