"""One message of the UnifiedPush Server's as one send of ours. Pure.

Apple devices get what it sent them; Android devices get data and show it themselves, as its own library has them do.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from pydantic import ValidationError

from services.ingest.doors.aerogear.request import PUSH_ID, UNSET, Apns, Criteria, UnifiedPush, Wanted
from shared.flow.send import Problem, SendRequest
from shared.providers.registry import problems_of

Json = dict[str, Any]
DEVICE_TYPE: Final = "device_type"
"""The attribute that keeps an installation's `deviceType`; the importer of `carillon` calls it so, too."""
PLACES: Final = (
    ("/audience/users", "/criteria/alias"),
    ("/audience/tags/any", "/criteria/categories"),
    ("/audience/filter/in", "/criteria/deviceType"),
    ("/audience/filter", "/criteria/deviceType"),
    ("/audience/variants", "/criteria/variants"),
    ("/audience", "/criteria"),
    ("/ttl", "/config/ttl"),
    ("/message/body", "/message/alert"),
    ("/message/title", "/message/apns/title"),
    ("/message/category", "/message/apns/action-category"),
    ("/message/sound", "/message/sound"),
    ("/message/badge", "/message/badge"),
    ("/message/data", "/message/user-data"),
    ("/message/apns/payload", "/message/user-data"),
    ("/message/apns/aps", "/message/apns"),
    ("/message/fcm/data", "/message"),
)
"""Where a problem of ours lies in their words: the first that it begins with."""
_TAG: Final = re.compile(r"\{(?=[{%#])")


def send_of(said: UnifiedPush, send: str, platforms: Collection[str]) -> SendRequest | Sequence[Problem]:
    """The send, which is to have this id; or what is wrong, in places of theirs. Nothing is said to other platforms."""
    wanted: Json = {"audience": _audience(said.criteria or Criteria()), "message": _message(said, send, platforms)}
    ttl = UNSET if said.config is None or said.config.ttl is None else said.config.ttl
    if ttl > 0:
        wanted["ttl"] = ttl
    try:
        return SendRequest.model_validate(wanted)
    except ValidationError as error:
        return [placed(one) for one in problems_of(error)]


def placed(problem: Problem) -> Problem:
    """A problem of ours in their place; in none, with what we call the field in words."""
    for ours, theirs in PLACES:
        if problem.pointer == ours or problem.pointer.startswith(f"{ours}/"):
            return problem.model_copy(update={"pointer": theirs + problem.pointer.removeprefix(ours)})
    if problem.pointer in ("", "/message"):
        return problem
    return Problem(pointer="", detail=f"{problem.pointer[1:]}: {problem.detail}")


def _audience(whom: Criteria) -> Json:
    types = {"field": f"attributes.{DEVICE_TYPE}", "in": _each(whom.deviceType)} if whom.deviceType else None
    narrowed = _given(
        users=_each(whom.alias) or None,
        tags={"any": _each(whom.categories)} if whom.categories else None,
        filter=types,
        variants=_each(whom.variants) or None,
    )
    return narrowed or {"everyone": True}


def _message(said: UnifiedPush, send: str, platforms: Collection[str]) -> Json:
    """A template, for the sake of one value: the message's name is each device's own, so that it can tell of itself."""
    what = said.message
    apple = what.apns or Apns()
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in what.user_data.items()
        if value is not None
    }
    message = _given(
        body=what.alert or None,
        title=apple.title or None,
        sound=what.sound or None,
        category=apple.action_category or None,
        apns=_apple(what, apple, at_once=_ttl(said) == 0) if "apns" in platforms else None,
        fcm=_android(what, at_once=_ttl(said) == 0) if "fcm" in platforms else None,
    )
    if what.badge not in (None, UNSET):
        message["badge"] = what.badge
    literal: Json = _literal(message | {"data": texts})
    literal["data"][PUSH_ID] = f"{send}.{{{{ device.id }}}}"
    return literal | {"template": True}


def _apple(what: Wanted, apple: Apns, *, at_once: bool) -> Json:
    alert = _given(
        **{
            "action": apple.action or None,
            "loc-key": apple.localized_key or None,
            "loc-args": list(apple.localized_arguments) or None,
            "title-loc-key": apple.localized_title_key or apple.title_loc_key or None,
            "title-loc-args": list(apple.localized_title_arguments or apple.title_loc_args) or None,
        }
    )
    aps = _given(
        **{
            "alert": alert or None,
            "url-args": list(apple.url_args) or None,
            "content-available": 1 if apple.content_available else None,
            "mutable-content": 1 if apple.mutable_content else None,
        }
    )
    own = {name: value for name, value in what.user_data.items() if not isinstance(value, str | None)}
    return _given(aps=aps or None, payload=own or None, expiration=0 if at_once else None)


def _android(what: Wanted, *, at_once: bool) -> Json:
    """Null takes away what the message in common would have Firebase show."""
    shown = _given(alert=what.alert or None, sound=what.sound or None)
    if what.badge not in (None, UNSET):
        shown["badge"] = str(what.badge)
    data = {name: text for name, text in shown.items() if name not in what.user_data}
    android: Json = {"notification": None, "priority": what.priority.upper()}
    if at_once:
        android["ttl"] = "0s"
    return {"notification": None, "apns": None, "webpush": None, "android": android} | _given(data=data or None)


def _ttl(said: UnifiedPush) -> int | None:
    return said.config.ttl if said.config else None


def _literal(value: Any) -> Any:
    """The same with every text as a template that says just this."""
    if isinstance(value, str):
        return _TAG.sub("{{ '{' }}", value)
    if isinstance(value, dict):
        return {name: _literal(inner) for name, inner in value.items()}
    return [_literal(inner) for inner in value] if isinstance(value, list) else value


def _each(named: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(named))


def _given(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}
