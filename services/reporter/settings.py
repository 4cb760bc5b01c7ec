"""What a reporter process is told from outside."""

from pydantic import Field

from shared.runtime.egress import Egress
from shared.runtime.settings import Common


class ReporterSettings(Egress, Common):
    """Settings of one reporter process; several may run side by side."""

    webhook_seconds: float = Field(default=15, gt=0, le=60, description="how long a webhook has to answer a call")
    removals_least: int = Field(
        default=1000, ge=0, description="devices of a variant that hygiene may remove in an hour, however few it has"
    )
    removals_share: float = Field(
        default=0.05, ge=0, le=1, description="share of a variant's devices that hygiene may remove in an hour"
    )
