"""What templates may use of a device: which stored fields that takes, and the values, without what a device lacks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from shared.flow.device import Device
from shared.flow.language_tag import language_of
from shared.templates.engine import Row

_ATTRIBUTE: Final = "device.attributes."
_VALUE: Final = "values."
_STORED: Final = {
    "device.user": "user", "device.locale": "locale", "device.language": "locale", "device.zone": "zone",
    "device.tags": "tags", "device.app_version": "app_version", "device.os_version": "os_version",
}  # fmt: skip
_NONE: Final[dict[str, Any]] = {}


def stored_fields(uses: Collection[str]) -> frozenset[str]:
    """What must be read of a device beside what every send reads, as paths in the stored document."""
    fields = {_STORED[key] for key in uses if key in _STORED}
    return frozenset(fields | {key.removeprefix("device.") for key in uses if key.startswith(_ATTRIBUTE)})


def personal(device: Device, values: Mapping[str, Mapping[str, Any]]) -> Device:
    """The device with what the send says of its user."""
    return device._replace(facts={**(device.facts or _NONE), "values": values.get(device.user or "", _NONE)})


def rows(devices: Sequence[Device], uses: Collection[str], platform: str, variant: str) -> list[Row]:
    """The values of each device, by key."""
    attributes = [(key, key.removeprefix(_ATTRIBUTE)) for key in uses if key.startswith(_ATTRIBUTE)]
    other: list[tuple[str, Callable[[Device], Any]]] = [
        (key, _READ[key]) for key in uses if not key.startswith(_ATTRIBUTE) and key in _READ
    ]
    same = {key: value for key, value in (("device.platform", platform), ("device.variant", variant)) if key in uses}
    own = [(key, key.removeprefix(_VALUE)) for key in uses if key.startswith(_VALUE)]
    made: list[Row] = []
    for device in devices:
        held = (device.facts or _NONE).get("attributes") or _NONE
        row = {key: held[name] for key, name in attributes if held.get(name) is not None}
        for key, value in other:
            if (found := value(device)) is not None:
                row[key] = found
        if own:
            said = (device.facts or _NONE).get("values") or _NONE
            row.update({key: said[name] for key, name in own if said.get(name) is not None})
        made.append(row | same if same else row)
    return made


def column(devices: Sequence[Device], key: str, platform: str, variant: str) -> list[Any]:
    """One value of every device, None where it lacks it."""
    if key.startswith(_ATTRIBUTE):
        name = key.removeprefix(_ATTRIBUTE)
        return [((device.facts or _NONE).get("attributes") or _NONE).get(name) for device in devices]
    if key.startswith(_VALUE):
        name = key.removeprefix(_VALUE)
        return [((device.facts or _NONE).get("values") or _NONE).get(name) for device in devices]
    if key in _READ:
        return list(map(_READ[key], devices))
    return [{"device.platform": platform, "device.variant": variant}.get(key)] * len(devices)


def _tags(device: Device) -> list[str] | None:
    return None if device.facts is None else list(device.facts.get("tags") or ())


def _language(device: Device) -> str | None:
    locale = (device.facts or _NONE).get("locale")
    return None if locale is None else language_of(locale)


_READ: Final[dict[str, Callable[[Device], Any]]] = {
    "device.id": lambda device: device.id.hex(),
    "device.user": lambda device: device.user,
    "device.locale": lambda device: (device.facts or _NONE).get("locale"),
    "device.zone": lambda device: (device.facts or _NONE).get("zone"),
    "device.language": _language,
    "device.app_version": lambda device: (device.facts or _NONE).get("app_version"),
    "device.os_version": lambda device: (device.facts or _NONE).get("os_version"),
    "device.tags": _tags,
}
