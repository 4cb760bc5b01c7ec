"""A message for Apple devices: our raw `apns` block, with the keys that IBM's iOS SDK reads. Pure."""

from typing import Any

from services.ingest.doors.ibm.request import Apns, PushMessage
from shared.providers.body import compact

Json = dict[str, Any]


def apns_block(one: PushMessage, id_: str) -> Json:
    """The block; `id_` is the message's, which the app finds in `payload` as `nid`."""
    said = (one.settings and one.settings.apns) or Apns()
    # The SDK reads a text of JSON here (its README, Enable monitoring).
    custom = {"payload": compact({**(said.payload or {}), "nid": id_}).decode()}
    custom |= given(url=one.message.url) | given(**{"attachment-url": said.attachment_url})
    if said.silent:
        return {"aps": {"alert": None, "content-available": 1}, "payload": custom, **_headers(said)}
    return {"aps": _aps(said), "payload": custom, **_headers(said)}


def _headers(said: Apns) -> Json:
    return given(collapse_id=said.apns_collapse_id, push_type="background" if said.silent else None)


def _aps(said: Apns) -> Json:
    return given(
        alert=_alert(said) or None,
        badge=said.badge,
        sound=said.sound,
        category=said.interactive_category or said.category,
        **{
            "thread-id": said.apns_thread_id,
            "content-available": 1 if (said.type or "").upper() == "MIXED" else None,
            # The attachment is fetched by the app's notification service extension, which Apple asks only then.
            "mutable-content": 1 if said.attachment_url else None,
        },
    )


def _alert(said: Apns) -> Json:
    return given(
        title=said.title,
        subtitle=said.subtitle,
        **{
            "action-loc-key": said.ios_action_key,
            "title-loc-key": said.title_loc_key,
            "title-loc-args": _listed(said.title_loc_args),
            "loc-key": said.loc_key,
            "loc-args": _listed(said.loc_args),
            "launch-image": said.launch_image,
            "summary-arg": said.apns_group_summary_arg,
            "summary-arg-count": said.apns_group_summary_arg_count,
        },
    )


def _listed(texts: tuple[str, ...] | None) -> list[str] | None:
    return None if texts is None else list(texts)


def given(**values: Any) -> Json:
    """What there is of it."""
    return {name: value for name, value in values.items() if value is not None}
