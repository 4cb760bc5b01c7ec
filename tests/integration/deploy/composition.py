"""Reads the compose files as Compose does: anchors resolved, an override merged over the file that it adds to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from services.cli.local.places import ROOT
from tests.integration.deploy.image import IMAGE

FILES = (ROOT / "docker-compose.yml", ROOT / "deploy" / "compose.simulator.yml")
REPLACED = {"command", "entrypoint", "test"}  # every other list is added to (Compose Specification, Merge)
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Container:
    """One service of the files. Of what it does not say itself, the image's is taken."""

    name: str
    told: Mapping[str, Any]
    """Everything that the files say of it."""

    @property
    def ours(self) -> bool:
        return str(self.told["image"]).startswith("carillon:")

    @property
    def command(self) -> tuple[str, ...]:
        return tuple(map(str, self.told.get("command") or IMAGE.command))

    @property
    def environment(self) -> dict[str, str]:
        """Raises TypeError for what is no text: Compose would pass it in YAML's spelling."""
        found = self.told.get("environment", {})
        if wrong := [name for name, value in found.items() if not isinstance(value, str)]:
            raise TypeError(f"{self.name}: no text: {wrong}")
        return dict(found)

    @property
    def health_check(self) -> tuple[str, ...]:
        how, *command = self.told.get("healthcheck", {}).get("test") or ("CMD", *IMAGE.health_check)
        assert how == "CMD", "run by a shell: not for the images that we use"
        return tuple(command)

    @property
    def published(self) -> tuple[tuple[str, str, str], ...]:
        """Host address, host port, port inside; empty texts for what is not said."""
        parts = [str(port).rsplit(":", 2) for port in self.told.get("ports", ())]
        return tuple(("", "", *part)[-3:] for part in parts)  # type: ignore[misc]  # always three

    @property
    def mounts(self) -> dict[str, str]:
        """Volume, or path on the host, by its place inside."""
        parts = [str(volume).split(":") for volume in self.told.get("volumes", ())]
        return {inside: outside for outside, inside, *_ in parts}

    @property
    def after(self) -> Mapping[str, str]:
        """By the names of those that it waits for: how they have to be."""
        return {name: told["condition"] for name, told in self.told.get("depends_on", {}).items()}

    @property
    def grace(self) -> float:
        """Seconds between SIGTERM and SIGKILL; Docker's default is 10."""
        return float(re.fullmatch(r"(\d+)s", self.told.get("stop_grace_period", "10s"))[1])  # type: ignore[index]


def composed(files: tuple[Path, ...] = FILES) -> Tree:
    """The files as one."""
    texts = [file.read_text("utf-8") for file in files]
    assert not any("$" in text for text in texts), "nothing is taken from the environment of whoever types the command"
    whole: Tree = reduce(_merged, map(yaml.safe_load, texts))
    return whole


def containers(files: tuple[Path, ...] = FILES) -> dict[str, Container]:
    return {name: Container(name, told) for name, told in composed(files)["services"].items()}


def _merged(first: Any, second: Any, key: str = "") -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        both = {name: _merged(first[name], second[name], name) for name in first.keys() & second.keys()}
        return {**first, **second, **both}
    if isinstance(first, list) and isinstance(second, list) and key not in REPLACED:
        return [*first, *second]
    return second
