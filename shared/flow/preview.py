"""The question what one device would get of a message, and its answer, over HTTP and AMQP alike. Pure."""

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from shared.flow.audience import DeviceId
from shared.flow.message import Message
from shared.flow.model import Travelling
from shared.flow.send import VERSION, AppId, SendId, TemplateRef
from shared.flow.values import Values


class Preview(Travelling):
    """What to look at: a stored template or a message, as one registered device would get it."""

    template: TemplateRef | None = None
    message: Message | None = None
    device: DeviceId
    values: Values | None = Field(default=None, description="as a send would give them for the device's user")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.template is None) == (self.message is None):
            raise PydanticCustomError("either", "name a `template` or give a `message`")
        return self


class PreviewCommand(Preview):
    """Over AMQP: asks what a device would get; answered on `reply_to`, and nothing is stored or sent."""

    v: Literal[1] = VERSION
    app: AppId
    id: SendId = Field(description="names the question in its answer, and no send")
    do: Literal["preview"]


class PreviewView(Travelling):
    """What the provider would be sent, without the token."""

    platform: str
    variant: str
    headers: dict[str, str]
    payload: dict[str, JsonValue]
