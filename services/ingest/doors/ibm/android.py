"""A message for Android devices: our raw `fcm` block, all of it data, by the keys that IBM's Android SDK reads. Pure.

The SDK makes the notification itself (MFPPushIntentService.onMessageReceived), which FCM only asks it to do for a
message without a `notification`; the keys are those of MFPInternalPushMessage.
"""

from typing import Any, Final

from services.ingest.doors.ibm.apple import given
from services.ingest.doors.ibm.request import Gcm, Lights, PushMessage
from shared.providers.body import compact

Json = dict[str, Any]
UNHURRIED: Final = ("MIN", "LOW")


def fcm_block(one: PushMessage, id_: str) -> Json:
    """The block; `id_` is the message's, which the app finds in `payload` as `nid`."""
    said = (one.settings and one.settings.android) or Gcm()
    hurried = not said.silent and (said.priority or "").upper() not in UNHURRIED
    android = given(
        priority="HIGH" if hurried else "NORMAL", collapse_key=said.collapse_key, ttl=_seconds(said.time_to_live)
    )
    return {"notification": None, "data": _data(one, said, id_), "android": android}


def _data(one: PushMessage, said: Gcm, id_: str) -> dict[str, str]:
    return given(
        alert=one.message.alert,
        url=one.message.url,
        payload=compact({**(said.payload or {}), "nid": id_}).decode(),
        type=said.type,
        androidTitle=said.android_title,
        sound=said.sound,
        icon=said.icon,
        priority=said.priority,
        visibility=said.visibility,
        redact=said.redact,
        bridge=None if said.bridge is None else str(said.bridge).lower(),
        interactiveCategory=said.interactive_category,
        groupId=said.group_id,
        style=_json(said.style.model_dump(exclude_none=True, mode="json") if said.style else None),
        lights=_json(_lights(said.lights) if said.lights else None),
        **{"has-template": "0"},
    )


def _lights(lights: Lights) -> Json:
    """The SDK spells them otherwise than the REST API (MFPPushConstants)."""
    return given(ledARGB=lights.led_argb, ledOnMS=lights.led_on_ms, ledOffMS=lights.led_off_ms)


def _json(value: Json | None) -> str | None:
    return None if value is None else compact(value).decode()


def _seconds(ttl: float | None) -> str | None:
    return None if ttl is None else f"{ttl:.3f}".rstrip("0").rstrip(".") + "s"
