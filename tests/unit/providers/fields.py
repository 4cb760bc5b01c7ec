"""Tables A.4, A.5, A.8 and B.2 of the protocol reference as data: each field, a value it takes, one it does not."""

from typing import Any

Values = dict[str, tuple[Any, Any]]

APNS_HEADERS: Values = {
    "push_type": ("alert", "loud"),
    "priority": (5, 7),
    "collapse_id": ("game-42", "x" * 65),
    "expiration": ("deadline", "soon"),
    "topic": ("com.example.app.voip", "com example"),
    "aps": ({"badge": 1}, []),
    "payload": ({"key": [1, None, {"a": "b"}]}, {"aps": {}}),
}
"""A.4: the header of each field, and the body's two parts."""

PUSH_TYPES: dict[str, tuple[str, int, bool | None]] = {
    "alert": ("", 4096, None),
    "background": ("", 4096, None),
    "location": (".location-query", 4096, True),
    "voip": (".voip", 5120, None),
    "complication": (".complication", 4096, None),
    "fileprovider": (".pushkit.fileprovider", 4096, None),
    "mdm": ("", 4096, False),
    "liveactivity": (".push-type.liveactivity", 4096, True),
    "pushtotalk": (".voip-ptt", 4096, None),
    "widgets": (".push-type.widgets", 4096, None),
    "controls": (".push-type.controls", 4096, None),
}
"""A.5: suffix, limit, and whether only a token (True) or only a certificate (False) will do."""

APS: Values = {
    "alert": ({"title": "x"}, 5),
    "badge": (0, True),
    "sound": ({"critical": 1, "name": "x.caf", "volume": 0.5}, {"volume": 1.5}),
    "thread-id": ("x", 1),
    "category": ("x", 1),
    "content-available": (1, True),
    "mutable-content": (1, 0),
    "target-content-id": ("x", 1),
    "interruption-level": ("time-sensitive", "loud"),
    "relevance-score": (0.5, "high"),
    "filter-criteria": ("x", 1),
    "stale-date": (1900000000, "2030"),
    "content-state": ({"a": 1}, "x"),
    "timestamp": (1900000000, -1),
    "event": ("update", "stop"),
    "dismissal-date": (1900000000, 1.5),
    "attributes-type": ("x", 1),
    "attributes": ({"a": 1}, []),
    "input-push-channel": ("dHN0LXNyY2gtY2hubA==", "no base64"),
    "input-push-token": (1, "1"),
    "url-args": (["x"], "x"),
    "content-changed": (True, 1),
}

ALERT: Values = {
    "title": ({"loc-key": "x", "loc-args": ["y"]}, {"loc-args": []}),
    "subtitle": ("x", 1),
    "body": ("x", {"loc-key": 1}),
    "launch-image": ("x", 1),
    "title-loc-key": ("x", 1),
    "title-loc-args": (["x"], [1]),
    "subtitle-loc-key": ("x", 1),
    "subtitle-loc-args": (["x"], "x"),
    "loc-key": ("x", 1),
    "loc-args": (["x"], "x"),
    "sound": ("x", {}),
    "action-loc-key": ("x", 1),
    "action": ("x", 1),
    "summary-arg": ("x", 1),
    "summary-arg-count": (2, "2"),
}

_COLOR = {"red": 1.0, "green": 0.5, "blue": 0, "alpha": 1}
_LIGHT = {"color": _COLOR, "light_on_duration": "1.5s", "light_off_duration": "1s"}

FCM: Values = {
    "data": ({"a": "1"}, {"a": 1}),
    "notification": ({"title": "x"}, "x"),
    "android": ({"ttl": "5s"}, {"tll": "5s"}),
    "webpush": ({"data": {"a": "1"}}, []),
    "apns": ({"payload": {"aps": {"badge": 1}}}, {"payload": {"aps": 1}}),
    "fcm_options": ({"analytics_label": "a-b_c.d~%"}, {"analytics_label": "a b"}),
}
FCM_NOTIFICATION: Values = {"title": ("x", 1), "body": ("x", 1), "image": ("https://x/y.png", 1)}
ANDROID: Values = {
    "collapse_key": ("x", 1),
    "priority": ("high", "URGENT"),
    "ttl": ("2419200s", "2419201s"),
    "restricted_package_name": ("com.x", 1),
    "data": ({"a": "1"}, {"a": True}),
    "notification": ({"tag": "x"}, "x"),
    "fcm_options": ({"analytics_label": "x"}, {"analytics_label": "x" * 51}),
    "direct_boot_ok": (True, 1),
    "bandwidth_constrained_ok": (True, "true"),
    "restricted_satellite_ok": (False, 0),
}
ANDROID_NOTIFICATION: Values = {
    "title": ("x", 1),
    "body": ("x", 1),
    "icon": ("x", 1),
    "color": ("#00ffAA", "red"),
    "sound": ("x", 1),
    "tag": ("x", 1),
    "click_action": ("x", 1),
    "body_loc_key": ("x", 1),
    "body_loc_args": (["x"], "x"),
    "title_loc_key": ("x", 1),
    "title_loc_args": (["x"], [1]),
    "channel_id": ("x", 1),
    "ticker": ("x", 1),
    "sticky": (True, 1),
    "event_time": ("2026-01-31T12:00:00.5Z", "2026-01-31 12:00:00Z"),
    "local_only": (True, 1),
    "notification_priority": ("PRIORITY_MAX", "MAX"),
    "default_sound": (True, 1),
    "default_vibrate_timings": (True, 1),
    "default_light_settings": (True, 1),
    "vibrate_timings": (["1s", "0.5s"], ["1"]),
    "visibility": ("SECRET", "HIDDEN"),
    "notification_count": (3, -1),
    "light_settings": (_LIGHT, {"color": _COLOR}),
    "image": ("https://x/y.png", 1),
    "bypass_proxy_notification": (True, 1),
    "proxy": ("DENY", "NO"),
}
APNS_CONFIG: Values = {
    "headers": ({"apns-priority": "5"}, {"apns-expiration": "tomorrow"}),
    "payload": ({"aps": {}, "a": 1}, {"aps": "x"}),
    "fcm_options": ({"image": "https://x/y.png", "analytics_label": "x"}, {"link": "https://x"}),
    "live_activity_token": ("x", 1),
}
WEBPUSH: Values = {
    "headers": ({"TTL": "60", "Urgency": "high"}, {"TTL": "1m"}),
    "data": ({"a": "1", "b": None}, {"a": 1}),
    "notification": ({"title": "x", "actions": [{"action": "a"}]}, "x"),
    "fcm_options": ({"link": "https://x"}, {"link": "http://x"}),
}
