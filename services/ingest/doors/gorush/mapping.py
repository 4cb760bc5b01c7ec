"""One notification of gorush's as one send of ours. Pure."""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError

from services.ingest.doors.gorush.request import IOS, Notification, Sound
from shared.flow.accept import RouteTarget
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.send import Problem, SendRequest
from shared.providers.registry import problems_of

PLATFORMS: Final = {1: "apns", 2: "fcm"}
Json = dict[str, Any]


def send_of(one: Notification, variants: Sequence[RouteTarget]) -> SendRequest | Problem:
    """The send; what is wrong if no variant, or more than one, could be meant."""
    target = _target(one, variants)
    if isinstance(target, Problem):
        return target
    try:
        message = Message.model_validate(_ios(one) if one.platform == IOS else _android(one))
    except ValidationError as error:
        return problems_of(error)[0]
    said: Json = {"audience": Audience(tokens={target.variant: one.tokens}), "message": message}
    if one.platform != IOS:
        said |= _given(ttl=one.time_to_live, dry_run=one.dry_run or None)
    return SendRequest(**said)


def _target(one: Notification, variants: Sequence[RouteTarget]) -> RouteTarget | Problem:
    fit = [target for target in variants if target.platform == PLATFORMS[one.platform] and _meant(one, target.settings)]
    if not fit:
        return Problem(pointer="/platform", detail="the app has no such variant")
    if len(fit) > 1:
        hint = "topic, production or development" if one.platform == IOS else "an app of its own for each project"
        return Problem(pointer="/platform", detail=f"the app has {len(fit)} such variants: choose by {hint}")
    return fit[0]


def _meant(one: Notification, settings: Any) -> bool:
    """Whether an iOS variant is the one that topic and environment name; gorush's own choice is by its settings."""
    if one.platform != IOS or settings is None:
        return True
    environments = [name for name, asked in (("production", one.production), ("sandbox", one.development)) if asked]
    return (not one.topic or one.topic == settings.topic or one.topic.startswith(f"{settings.topic}.")) and (
        not environments or settings.environment in environments
    )


def _ios(one: Notification) -> Json:
    aps = _given(
        alert=one.alert.model_dump(by_alias=True, exclude_none=True, mode="json") if one.alert else None,
        sound=_sound(one),
        **{
            "content-available": (one.content_available and 1) or None,
            "mutable-content": (one.mutable_content and 1) or None,
            "url-args": list(one.url_args or ()) or None,
            "interruption-level": one.interruption_level or None,
            "content-state": one.content_state,
            "stale-date": one.stale_date or None,
            "dismissal-date": one.dismissal_date or None,
            "event": one.event or None,
            "timestamp": one.timestamp or None,
        },
    )
    block = _given(
        aps=aps or None, payload=one.data or None, push_type=one.push_type, expiration=one.expiration,
        topic=one.topic or None, collapse_id=one.collapse_id or None,
    )  # fmt: skip
    return _given(
        title=one.title, body=one.message, priority=one.priority, badge=one.badge, category=one.category,
        thread=one.thread_id or None,
        sound=one.sound if isinstance(one.sound, str) and one.sound else None, apns=block or None,
    )  # fmt: skip


def _sound(one: Notification) -> Json | None:
    """A sound with its volume; gorush makes one that is named or has a volume critical, and says all three of it
    (sideshow/apns2, payload: `sound`).
    """
    if one.name or one.volume:
        named = one.sound if isinstance(one.sound, str) else ""
        return {"critical": 1, "name": one.name or named or "default", "volume": one.volume or 1.0}
    return one.sound.model_dump(exclude_none=True) if isinstance(one.sound, Sound) else None


def _android(one: Notification) -> Json:
    shown = one.notification.model_dump(exclude_none=True, mode="json") if one.notification else None
    android = _given(
        collapse_key=one.collapse_key, restricted_package_name=one.restricted_package_name, notification=shown or None
    )
    woken = {"payload": {"aps": {"content-available": 1}}} if one.content_available else None
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in (one.data or {}).items()}
    return _given(
        title=one.title, body=one.message, priority=one.priority, image=one.image, data=data or None,
        sound=one.sound if isinstance(one.sound, str) and one.sound else None,
        fcm=_given(android=android or None, apns=woken) or None,
    )  # fmt: skip


def _given(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}
