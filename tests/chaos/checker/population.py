"""Reads who was registered, and says who a send is for."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Place = tuple[str, str]
"""Platform and token."""


@dataclass(frozen=True, slots=True)
class Device:
    """One registration. `stable`: alive and untouched, so that whatever is for it must reach it."""

    platform: str
    variant: str
    token: str
    user: str
    stable: bool

    @property
    def place(self) -> Place:
        return self.platform, self.token


class Population:
    """Every device of a case. A device that changed has a line for each of its tokens, none of them stable."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self.devices = {device.place: device for device in devices}
        self._by_user: dict[str, list[Device]] = {}
        for device in self.devices.values():
            self._by_user.setdefault(device.user, []).append(device)

    def of(self, audience: Mapping[str, Any]) -> list[Device]:
        """The devices that an audience may mean."""
        if audience.get("everyone"):
            return list(self.devices.values())
        return [device for user in audience["users"] for device in self._by_user.get(user, ())]


def read(file: Path) -> Population:
    """Later lines win."""
    with file.open("rb") as lines:
        return Population(Device(**json.loads(line)) for line in lines if line.endswith(b"\n"))
