"""Reads the Dockerfile: what is copied into the image, who it runs as, what it does unless told otherwise."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from services.cli.local.places import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IGNORED = ROOT / ".dockerignore"


@dataclass(frozen=True, slots=True)
class Image:
    """`instructions` of the last stage, as keyword and the rest; `sources`: what all stages copy from the checkout."""

    instructions: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]

    def last(self, keyword: str) -> str:
        return [rest for word, rest in self.instructions if word == keyword][-1]

    @property
    def health_check(self) -> tuple[str, ...]:
        return tuple(json.loads(self.last("HEALTHCHECK").partition("CMD ")[2]))

    @property
    def command(self) -> tuple[str, ...]:
        return tuple(json.loads(self.last("CMD")))

    @property
    def made_folders(self) -> set[str]:
        """Those that its user owns."""
        user = re.findall(r"useradd .* (\S+)$|useradd .* (\S+) +&&", self.all("RUN"))[0]
        owned = rf"install -d -o {next(filter(None, user))} [^/]*((?:/\S+ ?)+)"
        return set(" ".join(re.findall(owned, self.all("RUN"))).split())

    def all(self, keyword: str) -> str:
        return "\n".join(rest for word, rest in self.instructions if word == keyword)

    def unpack(self, folder: Path) -> None:
        """Put what the last stage copies from the checkout where its paths, seen from WORKDIR, say; nothing else."""
        for copy in self.all("COPY").splitlines():
            if copy.startswith("--from"):
                continue
            *sources, place = copy.split()
            for source in sources:
                _put(ROOT / source, folder / place)


def _put(source: Path, place: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
    else:
        shutil.copy2(source, place)


def in_context(source: str) -> bool:
    """Whether the builder is given this path: .dockerignore takes everything away but what it names with `!`."""
    named = {line[1:] for line in IGNORED.read_text("utf-8").splitlines() if line.startswith("!")}
    path = Path(source)
    return any(str(part) in named for part in (path, *path.parents))


def _read(text: str) -> Image:
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    told = [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]
    start = max(place for place, (word, _) in enumerate(told) if word == "FROM")
    copies = [rest.split()[:-1] for word, rest in told if word == "COPY" and not rest.startswith("--from")]
    return Image(tuple(told[start:]), tuple(source for sources in copies for source in sources))


IMAGE = _read(DOCKERFILE.read_text("utf-8"))
