"""The raw `fcm` block: Firebase's Message without its target, which is the device's business."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, JsonValue

from shared.providers.fcm.android import AndroidConfig, DataMap, Label
from shared.providers.once import collapse_id_unfit
from shared.providers.raw_block import Block


def _payload(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if not isinstance(value.get("aps", {}), dict):
        message = "aps must be an object"
        raise ValueError(message)  # noqa: TRY004  # what a validator has to raise
    return value


_WHOLE_SECONDS: Final = re.compile(r"\d{1,12}", re.ASCII)


def _seconds(name: str) -> AfterValidator:
    def check(headers: dict[str, str | None]) -> dict[str, str | None]:
        for key, value in headers.items():
            if key.lower() == name and value is not None and _WHOLE_SECONDS.fullmatch(value) is None:
                message = f"{key} is a whole number of seconds"
                raise ValueError(message)
        return headers

    return AfterValidator(check)


def _collapse_id(headers: dict[str, str | None]) -> dict[str, str | None]:
    unfit = collapse_id_unfit(headers.get("apns-collapse-id") or "")
    if unfit is not None:
        message = f"apns-collapse-id: {unfit}"
        raise ValueError(message)
    return headers


ApnsHeaders = dict[Annotated[str, Field(pattern=r"^apns-[a-z-]+$")], str | None]


class FcmNotification(Block):
    """What is shown on every platform."""

    title: str | None = None
    body: str | None = None
    image: str | None = None


class ApnsOptions(Block):
    """For Apple devices."""

    analytics_label: Label | None = None
    image: str | None = None


class ApnsConfig(Block):
    """How Apple devices get it; `payload` is a whole APNs payload."""

    headers: Annotated[ApnsHeaders, _seconds("apns-expiration"), AfterValidator(_collapse_id)] | None = None
    payload: Annotated[dict[str, JsonValue], AfterValidator(_payload)] | None = None
    fcm_options: ApnsOptions | None = None
    live_activity_token: str | None = None


class WebpushOptions(Block):
    """For browsers."""

    link: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    analytics_label: Label | None = None


class WebpushConfig(Block):
    """How browsers get it; `notification` is a Web Notification's options."""

    headers: Annotated[dict[str, str | None], _seconds("ttl")] | None = None
    data: DataMap | None = None
    notification: dict[str, JsonValue] | None = None
    fcm_options: WebpushOptions | None = None


class FcmOptions(Block):
    """For Firebase's own statistics."""

    analytics_label: Label | None = None


class FcmBlock(Block):
    """Whatever is given wins over the unified message, key by key; null takes a key away."""

    data: DataMap | None = Field(default=None, description="strings only; no reserved names")
    notification: FcmNotification | None = None
    android: AndroidConfig | None = None
    webpush: WebpushConfig | None = None
    apns: ApnsConfig | None = None
    fcm_options: FcmOptions | None = None
