"""The setting that says to which networks that are not public webhooks may be sent; for every service that needs it."""

from typing import Self

from pydantic import BaseModel, Field, model_validator

from shared.flow.webhook import Network, networks_of


class Egress(BaseModel):
    """Mixed into a service's settings."""

    webhook_networks: tuple[str, ...] = Field(
        default=(), description="networks such as 10.1.0.0/16 to which webhooks may be sent though they are not public"
    )

    @model_validator(mode="after")
    def _are_networks(self) -> Self:
        networks_of(self.webhook_networks)
        return self

    def networks(self) -> tuple[Network, ...]:
        """The same, parsed."""
        return networks_of(self.webhook_networks)
