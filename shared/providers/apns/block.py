"""The raw `apns` block: what a sender may say to APNs beyond the unified message."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue

from shared.providers.apns.aps import Aps, Seconds
from shared.providers.apns.topics import TOPIC, PushType
from shared.providers.once import collapse_id_unfit
from shared.providers.raw_block import Block

PRIORITIES: Final = (10, 5, 1)


def _priority(value: int) -> int:
    if value not in PRIORITIES:
        message = "10, 5 or 1"
        raise ValueError(message)
    return value


def _fits(value: str) -> str:
    unfit = collapse_id_unfit(value)
    if unfit is not None:
        raise ValueError(unfit)
    return value


def _beside_aps(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if "aps" in value:
        message = "give aps beside payload, not in it"
        raise ValueError(message)
    return value


class ApnsBlock(Block):
    """Headers and payload. Whatever is given wins over the unified message, key by key; null takes a key away."""

    push_type: PushType | None = Field(default=None, description="`alert` or `background`, by content, unless given")
    priority: Annotated[int, AfterValidator(_priority), Field(json_schema_extra={"enum": list(PRIORITIES)})] | None = (
        Field(default=None, description="10 at once, 5 considerate of power, 1 without waking the device")
    )
    collapse_id: Annotated[str, Field(min_length=1), AfterValidator(_fits)] | None = None
    expiration: Seconds | Literal["deadline"] | None = Field(
        default=None, description="0: one attempt, nothing stored; a UNIX time, at most the send's deadline; `deadline`"
    )
    topic: Annotated[str, Field(pattern=TOPIC)] | None = Field(
        default=None, description="the variant's bundle id or what begins with it and a dot"
    )
    aps: Aps | None = None
    payload: Annotated[dict[str, JsonValue], AfterValidator(_beside_aps)] | None = Field(
        default=None, description="custom keys, beside `aps`"
    )
