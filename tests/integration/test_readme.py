"""What the README tells a stranger to type works as it stands, against the stack of `carillon up`."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from services.cli.local.places import ROOT
from services.cli.local.stack import Stack, running

README = (ROOT / "README.md").read_text("utf-8")
TALK = """
set -euo pipefail
{typed}
printf 'APP=%s\\nSECRET=%s\\n' "$APP" "$SECRET" >&3
"""


def blocks(heading: str, language: str) -> list[str]:
    """The code blocks of a language in one section."""
    section = README.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="module")
def checkout(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a checkout after `make up`."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "build").mkdir()
    (folder / "build" / "stack").symlink_to(stack.folder)
    carillon = folder / "carillon"
    carillon.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m services.cli "$@"\n', "utf-8")
    carillon.chmod(0o755)
    return folder


def typed(script: str, folder: Path) -> tuple[str, Mapping[str, str]]:
    """What the terminal shows, and the app that was made."""
    kept = folder / "kept"
    with kept.open("wb") as file:
        done = subprocess.run(
            ["bash", "-c", f"exec 3>&{file.fileno()}\n{TALK.format(typed=script)}"],
            cwd=folder,
            env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), "TMPDIR": str(folder)},
            pass_fds=[file.fileno()],
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, dict(line.split("=", 1) for line in kept.read_text("utf-8").splitlines())


@pytest.mark.timeout(120)
def test_the_api_and_the_amqp_door_by_example(stack: Stack, checkout: Path) -> None:
    script = "\n".join(blocks("The HTTP API by example", "bash"))
    shown, app = typed(script, checkout)
    assert '"planned": 2' in shown
    assert '"delivered": 2' in shown
    assert '"finished"' in shown

    (program,) = blocks("The AMQP door", "python")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"AMQP_URL": stack.broker.url, **app},
        text=True,
        capture_output=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()] == []
