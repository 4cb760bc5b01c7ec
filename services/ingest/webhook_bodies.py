"""What is said of webhooks in requests and answers."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.ingest.moments import Moment
from shared.flow.model import Travelling
from shared.flow.webhook import EventKind

RATE: Final = 0.1
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Kinds = Annotated[tuple[EventKind, ...], Field(min_length=1, max_length=len(EventKind))]
Rate = Annotated[float, Field(gt=0, lt=1)]


class NewWebhook(Travelling):
    """An address to call."""

    url: Url = Field(description="https, and a public address; it is looked up at each call, redirects are failures")
    events: Kinds = Field(description="what it is told", strict=False)
    failure_rate: Rate = Field(
        default=RATE,
        description="`send.failing`: when more than this share of a send was rejected, unregistered, failed",
    )


class WebhookChange(Travelling):
    """What changes of a webhook; what is left out stays."""

    url: Url | None = None
    events: Kinds | None = Field(default=None, strict=False)
    failure_rate: Rate | None = None
    enabled: bool | None = Field(default=None, description="true calls it again, false stops that")


class WebhookView(Travelling):
    """One webhook, without its secret."""

    id: str
    url: str
    events: tuple[EventKind, ...]
    failure_rate: float
    created_at: datetime
    rotated_at: datetime
    enabled: bool
    disabled_at: datetime | None = None
    disabled_why: str = ""


class WebhookMade(WebhookView):
    """A new webhook with its secret, which is not shown again."""

    secret: str = Field(description="verifies signatures by the Standard Webhooks specification")


class WebhookList(Travelling):
    """Every webhook of the app, oldest first."""

    webhooks: tuple[WebhookView, ...]


class WebhookSecret(Travelling):
    """A new secret, which is not shown again; for 24 hours the one before it signs too."""

    secret: str


class DeliveriesWanted(Travelling):
    """Which deliveries."""

    state: Literal["owed", "done", "dead"] | None = None


class DeliveryView(Travelling):
    """One event on its way to a webhook."""

    event: str = Field(description="the header `webhook-id`: the same at each try")
    type: EventKind
    send: str | None
    sequence: int
    at: datetime
    state: Literal["owed", "done", "dead"]
    tries: int
    due: datetime | None = None
    status: int | None = Field(default=None, description="what the last try was answered")
    error: str = ""


class DeliveryList(Travelling):
    """The last events for a webhook, newest first."""

    deliveries: tuple[DeliveryView, ...]


class Replay(Travelling):
    """What is to be told again: all that was given up in a time, or events by name."""

    from_: Moment = Field(alias="from")
    to: Moment
    events: tuple[str, ...] | None = Field(default=None, max_length=1000, description="also those that were told")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to < self.from_:
            raise PydanticCustomError("order", "`to` is before `from`")
        return self


class Replayed(Travelling):
    """How much is told again."""

    replayed: int
