"""What a planner process is told from outside."""

from pydantic import Field

from shared.flow.plan import CHUNK_SIZE
from shared.runtime.settings import Common


class PlannerSettings(Common):
    """Settings of one planner process; several may run side by side."""

    chunk_size: int = Field(
        default=CHUNK_SIZE, ge=1, le=5000, description="devices in a chunk, by estimate; the unit that may repeat"
    )
    slices_per_worker: int = Field(
        default=6, ge=1, le=100, description="slices of large sends on the bus for each delivery worker"
    )
    amqp_users: bool = Field(
        default=False,
        description="commands are trusted by the broker's user, backend-<app>, instead of a signature",
    )
    sweep_seconds: float = Field(
        default=30, gt=0, description="how long something may lie undone before it is looked at"
    )
