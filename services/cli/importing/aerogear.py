"""AeroGear UnifiedPush Server: the array of installations that its console exports, and its importer takes.

    [{"deviceToken", "deviceType", "operatingSystem", "osVersion", "alias", "categories": [...], "enabled"}]

Source: the UnifiedPush Server's REST documentation, registry/device/importer. The alias becomes the user, categories
become tags.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from services.cli.importing.json_values import values
from services.cli.importing.row import TEXT, Row, Skipped, Variants, device, user
from shared.flow.version import order_of

PLATFORMS: Final = {"ios": "apns", "iphone os": "apns", "ipados": "apns", "android": "fcm"}

BETWEEN: Final = re.compile(r"[ -]")
"""What it lets stand between the digits of Apple's tokens."""
TAG: Final = re.compile(r"[^\x00-\x1f]{1,64}")
TAGS: Final = 100
"""What Carillon takes as a tag, and of how many."""


def read(file: BinaryIO, variants: Variants) -> Iterator[Row]:
    """Every installation."""
    for place, found in enumerate(values(file), 1):
        yield _row(place, found, variants)


def _row(place: int, found: Any, variants: Variants) -> Row:
    if not isinstance(found, dict) or not isinstance(found.get("deviceToken"), str) or not found["deviceToken"]:
        return Skipped(place, "no deviceToken")
    if found.get("enabled") is False:
        return Skipped(place, "disabled: AeroGear was told that the token is dead")
    system = str(found.get("operatingSystem") or found.get("platform") or "").strip().lower()
    platform = PLATFORMS.get(system, system)
    version = str(found.get("osVersion") or "")
    said = {
        "token": BETWEEN.sub("", found["deviceToken"]) if platform == "apns" else found["deviceToken"],
        "user": user(found.get("alias")),
        "tags": _categories(found.get("categories")),
        "os_version": version if order_of(version) else None,
        "attributes": {"device_type": str(found["deviceType"])[:TEXT]} if found.get("deviceType") else None,
    }
    return device(place, variants, platform, said)


def _categories(given: Any) -> list[str]:
    """Texts, or objects with a name; those that can be tags."""
    named = [one.get("name") if isinstance(one, dict) else one for one in given] if isinstance(given, list) else []
    return list(dict.fromkeys(one for one in named if isinstance(one, str) and TAG.fullmatch(one)))[:TAGS]
