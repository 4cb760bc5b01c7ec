"""The example programs under docs/examples run as they stand, and what they send arrives."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.local import debian
from services.cli.local.places import ROOT
from tests.installed import PACKAGES, program
from tests.integration.flow.scene import Scene, fates

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]  # installing tools may take longer
EXAMPLES = ROOT / "docs" / "examples"
AMQPLIB = "amqplib@2.3.1"
NPM_INSTALL = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")
RUNNERS = {".py": sys.executable, ".mjs": "node", ".sh": "bash"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are copied to, so that Node finds its packages beside them."""
    folder = tmp_path_factory.mktemp("examples")
    for example in EXAMPLES.iterdir():
        shutil.copy(example, folder)
    return folder


@pytest.fixture
def example(folder: Path, door: str, suffix: str) -> Path:
    """One of the programs, with its own tools beside it."""
    if suffix == ".mjs":
        bring("node")
    if (suffix, door) == (".mjs", "amqp"):
        bring_amqplib(folder)
    if (suffix, door) == (".sh", "amqp"):
        bring("amqp-publish")
    return folder / f"send_over_{door}{suffix}"


def bring(name: str) -> None:
    """From Debian where packages can be installed: there a failure of apt's is no reason to skip."""
    if shutil.which(name) is None and not debian.possible():
        pytest.skip(f"{name} is missing, and nothing can be installed from here: apt-get install {PACKAGES[name]}")
    program(name)


def bring_amqplib(folder: Path) -> None:
    """Where npm is; a failure of npm's is no reason to skip."""
    if (folder / "node_modules" / "amqplib").exists():
        return
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    subprocess.run([*NPM_INSTALL, AMQPLIB], cwd=folder, check=True, timeout=300)


def run(example: Path, scene: Scene, order: str) -> str:
    told = {
        "CARILLON_URL": scene.fleet.api,
        "CARILLON_AMQP_URL": scene.fleet.site.amqp_url,
        "CARILLON_APP_SECRET": scene.app_secret,
        "RECIPIENT": "ada",
        "ORDER": order,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [RUNNERS[example.suffix], str(example)],
        env={"PATH": os.environ["PATH"], "HOME": str(example.parent), **told},
        cwd=example.parent,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_six() -> None:
    languages = {(path.stem, path.suffix) for path in EXAMPLES.iterdir() if path.suffix in RUNNERS}
    assert languages == {(f"send_over_{door}", suffix) for door in ("http", "amqp") for suffix in RUNNERS}


@pytest.mark.parametrize("door", ["http", "amqp"])
@pytest.mark.parametrize("suffix", RUNNERS)
async def test_it_runs_and_twice_it_is_one_send(scene: Scene, example: Path) -> None:
    (dev,) = await scene.devices("apns", 1, user="ada")
    order = secrets.token_hex(6)
    shown = [await asyncio.to_thread(run, example, scene, order) for _ in range(2)]
    told = json.loads(shown[0].strip().splitlines()[-1])
    assert told["state"] in ("accepted", "finished")
    assert fates(await scene.finished(told["id"])) == {"planned": 1, "delivered": 1}
    assert [one["status"] for one in scene.asked([dev])] == [200]
    assert json.loads(shown[1].strip().splitlines()[-1])["id"] == told["id"]
