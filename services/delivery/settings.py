"""What a delivery process is told from outside."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from shared.providers.registry import platforms
from shared.runtime.settings import Common


class DeliverySettings(Common):
    """Settings of one delivery process: one platform a process, as many processes as needed."""

    platform: str = Field(description="which platform this process delivers to: apns, fcm")
    transport: Literal["engine", "library"] = Field(
        default="engine", description="what carries requests: engine, or library (aioapns, httpx: yardsticks)"
    )
    provider_ca_file: Path | None = Field(
        default=None, description="CA certificates to trust instead of the system's, PEM; for rehearsals"
    )
    chunks_in_flight: int = Field(
        default=8, ge=2, le=256, description="chunks worked at once; after a kill, what they held may repeat"
    )
    chunks_for_now: int = Field(default=2, ge=1, description="of these, how many are kept for the lane `now`")
    retry_share: float = Field(
        default=0.1, ge=0, le=10, description="retries that fail again, of the first attempts by the same route"
    )
    retries_least: float = Field(
        default=10, ge=0, description="retries a second by a route that wait for no budget, however few first attempts"
    )
    lease_seconds: float = Field(
        default=30, ge=2, description="how long a claim lasts; after a kill, slices are taken over when it ran out"
    )

    @field_validator("platform")
    @classmethod
    def _known(cls, platform: str) -> str:
        if platform not in platforms():
            message = f"there is no such platform; there are {', '.join(platforms())}"
            raise ValueError(message)
        return platform
