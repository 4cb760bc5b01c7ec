"""Every field of a send, well said and badly said: what either door has to take, and what it has to refuse by name."""

from typing import Any, Final

from shared.flow.send import SendRequest

Json = dict[str, Any]
BASE: Final[Json] = {"audience": {"everyone": True}, "message": {"title": "Ding"}}
LATER: Final = "2030-01-31T09:00:00"
MANY: Final = [f"u{n}" for n in range(11)]
SEAT: Final[Json] = {"template": True, "title": "Seat {{ values.seat|default('?') }}"}
FILTER: Final[Json] = {
    "and": [
        {"field": "language", "in": ["de", "fr"]},
        {"or": [{"field": "attributes.age", "gte": 18, "lt": 65.5}, {"not": {"field": "tags", "eq": "a"}}]},
        {"field": "registered_at", "gt": "-30d"},
    ]
}
MESSAGE: Final[Json] = {
    "title": "Ünal 🔔", "subtitle": "s", "body": "b\n\"'", "image": "https://example.com/a.png", "sound": "default",
    "badge": 3.0, "link": "app://x", "category": "c", "thread": "t", "data": {"a": "1"}, "priority": "normal",
    "collapse_key": "k", "localized": {"de": {"title": "Hallo"}, "pt-BR": {"body": "x"}}, "fallbacks": {"gsw": ["de"]},
    "apns": {"payload": {"extra": [1, 2.5, None, {"a": True}]}}, "fcm": {"android": {"ttl": "60s"}},
}  # fmt: skip

GOOD: Final[dict[str, list[Json]]] = {
    "audience": [
        {"audience": audience}
        for audience in (
            {"platforms": ["fcm"]},
            {"tags": {"any": ["a"], "all": ["b"], "none": ["c"]}},
            {"filter": FILTER},
            {"users": ["ada", "ada", "🔔"]},
            {"users": MANY, "platforms": ["apns"]},
            {"devices": ["0" * 24]},
            {"everyone": True, "exclude": {"users": ["ada"], "devices": ["1" * 24]}},
            {"topic": "news", "platforms": ["fcm"]},
            {"condition": "'a' in topics && !('b' in topics)", "platforms": ["fcm"]},
        )
    ],
    "message": [{"message": MESSAGE}, {"message": {**SEAT, "badge": "{{ 1 }}"}}],
    "template": [],  # names what is stored: only in the test over the wire
    "values": [
        {
            "audience": {"users": ["ada", "bob"]},
            "message": SEAT,
            "values": {"ada": {"seat": ["3L", 4, 5.5, True], "x": None}},
        },
        {"audience": {"users": MANY}, "message": SEAT, "values": {"u3": {"seat": "ü" * 1024}}},
    ],
    "lane": [{"lane": "bulk"}, {"lane": "now", "audience": {"users": MANY}}],
    "duplicates": [{"duplicates": one} for one in ("collapse", "allow", "never")],
    "critical": [{"critical": True}],
    "validate_only": [{"validate_only": True}],
    "dry_run": [{"dry_run": True}],
    "category": [{"category": "ads_1"}],
    "stale_after_days": [{"stale_after_days": 3650}],
    "confirm": [{"confirm": True}],
    "receipts": [{"receipts": one} for one in ("none", "failures", "all")],
    "interactions": [{"interactions": True}],
    "ttl": [{"ttl": 0.001}, {"ttl": 2_419_200}],
    "send_at": [{"send_at": "{soon}"}],
    "expires_at": [{"expires_at": "{soon}"}],
    "local": [{"local": {"at": "{soon_local}", "passed": "next_day", "zone": "Asia/Tokyo"}}],
    "repeat": [{"repeat": {"cron": "0 9 * * mon-fri", "zone": "Europe/Berlin", "until": "{soon}"}}],
    "canary": [{"canary": {"share": 0.1, "wait": 0, "most_failed": 1}}, {"canary": {"number": 5}}],
    "per_minute": [{"per_minute": 100}],
    "start_within": [{"send_at": "{soon}", "start_within": 1.5}],
}
"""By field: what is added to `BASE`. `{soon}` stands for a moment two days from now."""

LONG: Final[Json] = {"android": {"restricted_package_name": "x" * 70_000}}
"""What no provider's limit counts."""

BAD: Final[dict[str, list[tuple[Json, set[str]]]]] = {
    "audience": [
        ({"audience": None}, {"/audience"}),
        ({"audience": {}}, {"/audience"}),
        ({"audience": {"everyone": 1}}, {"/audience/everyone"}),
        ({"audience": {"everyone": True, "users": ["a"]}}, {"/audience"}),
        ({"audience": {"users": ["ada", ""]}}, {"/audience/users/1"}),
        ({"audience": {"devices": ["0" * 24, "no"]}}, {"/audience/devices/1"}),
        ({"audience": {"platforms": ["pigeon"]}}, {"/audience/platforms/0"}),
        ({"audience": {"variants": ["v0"]}}, {"/audience/variants/0"}),
        ({"audience": {"segments": ["gone"]}}, {"/audience/segments/0"}),
        ({"audience": {"tokens": {"a/b~c": ["x"]}}}, {"/audience/tokens/a~1b~0c"}),
        ({"audience": {"filter": {"field": "zone"}}}, {"/audience/filter"}),
        ({"audience": {"filter": {"$where": "1"}}}, {"/audience/filter/$where"}),
        ({"audience": {"filter": {"not": {"field": "tags", "in": ["a", 5]}}}}, {"/audience/filter/not/in/1"}),
        ({"audience": {"filter": {"not": {"segment": "gone"}}}}, {"/audience/filter/not/segment"}),
        ({"audience": {"tokens": {"v0": []}}}, {"/audience/tokens/v0"}),
        ({"audience": {"tokens": {"v" * 2000: ["x"]}}}, {"/audience/tokens"}),
        ({"audience": {"topic": "no such"}}, {"/audience/topic"}),
        ({"audience": {"everyone": True, "exclude": {"who": []}}}, {"/audience/exclude/who"}),
    ],
    "message": [
        ({"message": {"title": 5}}, {"/message/title"}),
        ({"message": {"title": "x" * 4097}}, {"/message/title"}),
        ({"message": {"title": "x", "badge": 1.5}}, {"/message/badge"}),
        ({"message": {"title": "x", "pigeon": {}}}, {"/message/pigeon"}),
        ({"message": {"title": "x", "pigeon": "coo"}}, {"/message/pigeon"}),
        ({"message": {"title": "x", "data": {"a": 1}}}, {"/message/data/a"}),
        ({"message": {"template": True, "title": "{{ nobody }}"}}, {"/message/title"}),
        ({"message": {"title": "x", "fcm": {"wings": 2}}}, {"/message/fcm/wings"}),
        ({"audience": {"users": MANY}, "message": {"title": "x", "fcm": LONG}}, {"/message"}),
    ],
    "template": [
        ({"template": {"name": "no name"}}, {"/template/name"}),
        ({"template": {"name": "greeting"}}, {"/message"}),
    ],
    "values": [
        ({"values": {"ada": {"a": 1}}}, {"/values"}),
        ({"audience": {"users": ["ada"]}, "message": SEAT, "values": {"b/b": {}}}, {"/values/b~1b"}),
        ({"audience": {"users": ["a"]}, "message": SEAT, "values": {"a": {"n": {"o": 1}}}}, {"/values/a/n"}),
    ],
    "lane": [({"lane": "fast"}, {"/lane"}), ({"lane": "now"}, {"/lane"})],
    "duplicates": [({"duplicates": "maybe"}, {"/duplicates"})],
    "critical": [({"critical": "yes"}, {"/critical"})],
    "validate_only": [({"validate_only": 1}, {"/validate_only"})],
    "dry_run": [({"dry_run": "true"}, {"/dry_run"})],
    "category": [({"category": "a b"}, {"/category"})],
    "stale_after_days": [
        ({"stale_after_days": 0}, {"/stale_after_days"}),
        ({"stale_after_days": 1.5}, {"/stale_after_days"}),
    ],
    "confirm": [({"confirm": 0}, {"/confirm"})],
    "receipts": [({"receipts": "some"}, {"/receipts"})],
    "interactions": [({"interactions": []}, {"/interactions"})],
    "ttl": [({"ttl": one}, {"/ttl"}) for one in (0, -1, "60", 2_419_200.5)],
    "send_at": [({"send_at": one}, {"/send_at"}) for one in ("tomorrow", LATER, 5, "2020-01-01T00:00:00Z")],
    "expires_at": [({"expires_at": "2020-01-01T00:00:00Z"}, {"/expires_at"})],
    "local": [
        ({"local": {"at": f"{LATER}Z"}}, {"/local/at"}),
        ({"local": {"at": "{soon_local}", "zone": "Mars/Olympus"}}, {"/local/zone"}),
        ({"local": {"at": "2020-01-01T00:00:00"}}, {"/local/at"}),
    ],
    "repeat": [
        ({"repeat": {"cron": "61 * * * *"}}, {"/repeat/cron"}),
        ({"repeat": {"cron": "0 9 * * *", "until": "2020-01-01T00:00:00Z"}}, {"/repeat"}),
        ({"repeat": {"cron": "0 9 * * *"}, "send_at": "{soon}"}, {"/repeat"}),
    ],
    "canary": [({"canary": {}}, {"/canary"}), ({"canary": {"share": 1}}, {"/canary/share"})],
    "per_minute": [
        ({"per_minute": 0}, {"/per_minute"}),
        ({"per_minute": 5, "audience": {"users": ["a"]}}, {"/per_minute"}),
    ],
    "start_within": [({"start_within": 60}, {"/start_within"})],
}
"""By field: what is added to `BASE`, and where the problems are."""

UNKNOWN: Final[tuple[Json, set[str]]] = ({"colour": "red", "id~/x": 1}, {"/colour", "/id~0~1x"})

assert GOOD.keys() == BAD.keys() == SendRequest.model_fields.keys(), "a field without a case"
