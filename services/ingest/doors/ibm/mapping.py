"""One of IBM's messages as one send of ours. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from services.ingest.doors.ibm.android import fcm_block
from services.ingest.doors.ibm.apple import apns_block
from services.ingest.doors.ibm.request import PushMessage, Settings, Target
from services.ingest.doors.ibm.variables import NotFilled, filled
from services.ingest.doors.ibm.words import PLATFORMS
from shared.flow.accept import RouteTarget
from shared.flow.audience import Audience, Tags
from shared.flow.message import Message
from shared.flow.send import Problem, SendRequest
from shared.flow.timing import DEFAULT_TTL
from shared.providers.registry import problems_of

EVERYONE: Final = "Push.ALL"
"""The tag to which IBM subscribes every device."""
_PLACES: Final = (
    ("/message/apns/collapse_id", "/settings/apns/apnsCollapseId"),
    ("/message/body", "/message/alert"), ("/message/apns", "/settings/apns"), ("/message/fcm", "/settings/gcm"),
    ("/audience/users", "/target/userIds"), ("/audience/devices", "/target/deviceIds"),
    ("/audience/tags/any", "/target/tagNames"), ("/audience/platforms", "/target/platforms"), ("/audience", "/target"),
    ("/ttl", "/settings/gcm/timeToLive"),
)  # fmt: skip
Json = dict[str, Any]
Known = Mapping[str, Sequence[str]]
"""What we call the devices that IBM's clients call so."""


def send_of(
    one: PushMessage, id_: str, targets: Sequence[RouteTarget], variant: str = "", known: Known | None = None
) -> SendRequest | Problem:
    """The send under this id, to one variant if one is named; `known` are the devices of `target.deviceIds`."""
    target = one.target or Target()
    platforms = _meant(target, targets, variant)
    if (problem := _two_targets(target) or _nothing_said(one, platforms)) is not None:
        return problem
    part = "/message"
    try:
        message = Message.model_validate(_message(one, id_, platforms))
        part = "/audience"
        audience = Audience.model_validate(_audience(target, variant, known or {}))
    except ValidationError as error:
        first = problems_of(error)[0]
        return placed(Problem(pointer=part + first.pointer, detail=first.detail))
    except NotFilled as error:
        return Problem(pointer="/message/alert", detail=str(error))
    except ValueError:
        return Problem(pointer="/settings", detail="holds a number or a character that JSON in UTF-8 cannot say")
    gcm = one.settings.android if one.settings else None
    longer = gcm is not None and gcm.time_to_live is not None and gcm.time_to_live > DEFAULT_TTL.total_seconds()
    said: Json = {"audience": audience, "message": message}
    return SendRequest(**said, **({"ttl": gcm.time_to_live} if gcm is not None and longer else {}))


def placed(problem: Problem) -> Problem:
    """A problem of ours in the place that IBM's clients know."""
    for ours, theirs in _PLACES:
        if problem.pointer == ours or problem.pointer.startswith(f"{ours}/"):
            return Problem(pointer=theirs + problem.pointer.removeprefix(ours), detail=problem.detail)
    return problem


def _two_targets(target: Target) -> Problem | None:
    said = {name: value for name, value in target.model_dump(by_alias=True).items() if value is not None}
    named = [name for name, value in said.items() if value]
    if said and not named:
        return Problem(pointer=f"/target/{next(iter(said))}", detail="names nobody; leave it out for everyone")
    if len(named) <= 1:
        return None
    return Problem(pointer="/target", detail=f"one target at a time, not {' and '.join(named)}")


def _meant(target: Target, targets: Sequence[RouteTarget], variant: str) -> set[str]:
    """The platforms that it may reach."""
    wanted = {PLATFORMS[one] for one in target.platforms or PLATFORMS}
    return {one.platform for one in targets if one.platform in wanted and variant in ("", one.variant)}


def _nothing_said(one: PushMessage, platforms: set[str]) -> Problem | None:
    settings = one.settings or Settings()
    blocks = {"apns": settings.apns, "fcm": settings.android}
    silent = {platform for platform, block in blocks.items() if block is not None and block.silent}
    if one.message.alert or (silent and platforms <= silent):
        return None
    return Problem(pointer="/message/alert", detail="there must be an alert, unless the type is SILENT")


def _message(one: PushMessage, id_: str, platforms: set[str]) -> Json:
    said: Json = {"body": one.message.alert} if one.message.alert else {}
    if "apns" in platforms:
        said["apns"] = apns_block(one, id_)
    if "fcm" in platforms:
        said["fcm"] = fcm_block(one, id_)
    return filled(said)


def _audience(target: Target, variant: str, known: Known) -> Json:
    said: Json = {"variants": (variant,)} if variant else {}
    if target.device_ids:
        said["devices"] = tuple(dict.fromkeys(device for name in target.device_ids for device in known.get(name, ())))
    elif target.user_ids:
        said["users"] = tuple(dict.fromkeys(target.user_ids))
    elif target.platforms:
        said["platforms"] = tuple(dict.fromkeys(PLATFORMS[one] for one in target.platforms))
    elif target.tag_names and EVERYONE not in target.tag_names:
        said["tags"] = Tags(any=target.tag_names)
    return said or {"everyone": True}
