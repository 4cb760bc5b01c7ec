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

from services.cli.local.places import ROOT
from tests.integration.flow.scene import Scene, fates

pytestmark = pytest.mark.anyio
EXAMPLES = ROOT / "docs" / "examples"
AMQPLIB = "amqplib@2.3.1"
RUNNERS = {".py": sys.executable, ".mjs": "node", ".sh": "bash"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are copied to, so that Node finds its packages beside them."""
    folder = tmp_path_factory.mktemp("examples")
    for program in EXAMPLES.iterdir():
        shutil.copy(program, folder)
    return folder


def prepare(program: Path) -> None:
    """Skips, with what is missing, where a program's own tools cannot be had."""
    runner = RUNNERS[program.suffix]
    if shutil.which(runner) is None:
        pytest.skip(f"{runner} is not installed")
    if program.name == "send_over_amqp.sh" and shutil.which("amqp-publish") is None:
        pytest.skip("amqp-publish is not installed (Debian: amqp-tools)")
    if program.name == "send_over_amqp.mjs" and not (program.parent / "node_modules").exists():
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", AMQPLIB]
        try:
            done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"npm install {AMQPLIB}: {type(error).__name__}")
        if done.returncode:
            pytest.skip(f"npm install {AMQPLIB}: {done.stderr.strip()[:200]}")


def run(program: Path, scene: Scene, order: str) -> str:
    prepare(program)
    told = {
        "CARILLON_URL": scene.fleet.api,
        "CARILLON_AMQP_URL": scene.fleet.site.amqp_url,
        "CARILLON_APP_SECRET": scene.app_secret,
        "RECIPIENT": "ada",
        "ORDER": order,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [RUNNERS[program.suffix], str(program)],
        env={"PATH": os.environ["PATH"], "HOME": str(program.parent), **told},
        cwd=program.parent,
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
async def test_it_runs_and_twice_it_is_one_send(scene: Scene, folder: Path, door: str, suffix: str) -> None:
    (dev,) = await scene.devices("apns", 1, user="ada")
    order = secrets.token_hex(6)
    program = folder / f"send_over_{door}{suffix}"
    shown = [await asyncio.to_thread(run, program, scene, order) for _ in range(2)]
    told = json.loads(shown[0].strip().splitlines()[-1])
    assert told["state"] in ("accepted", "finished")
    assert fates(await scene.finished(told["id"])) == {"planned": 1, "delivered": 1}
    assert [one["status"] for one in scene.asked([dev])] == [200]
    assert json.loads(shown[1].strip().splitlines()[-1])["id"] == told["id"]
