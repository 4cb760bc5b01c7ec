"""Puts RabbitMQ and mongod on this machine once: nothing where Docker answers, else Debian's package and a wheel."""

import shutil
import subprocess
import sys
from pathlib import Path

from services.cli.local import docker, mongod, rabbitmq
from services.cli.local.debian import install
from services.cli.local.errors import LocalStackError, NotInstalledError
from services.cli.local.places import MONGOD_LOCK, SERVERS

PACKAGED_MONGOD = Path("fiftyone") / "db" / "bin" / "mongod"


def set_up() -> str:
    """Idempotent. Returns a sentence that says what the local stack will run on.

    Raises NotInstalledError, whose text holds the Docker commands that do the same.
    """
    if docker.answers():
        return f"The local stack runs in Docker: {docker.RABBITMQ_IMAGE}, {docker.MONGODB_IMAGE}"
    try:
        if not rabbitmq.is_installed():
            install("rabbitmq-server", never_started=("rabbitmq-server.service", "epmd.socket", "epmd.service"))
        if mongod.program() is None:
            _bring_mongod()
    except (OSError, subprocess.SubprocessError, LocalStackError) as error:
        raise NotInstalledError(f"{error}\n\n{docker.BY_HAND}") from error
    return f"The local stack runs as local processes: {rabbitmq.PROGRAMS}/rabbitmq-server, {mongod.program()}"


def _bring_mongod() -> None:
    unpacked = SERVERS / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--target", str(unpacked), "-r", str(MONGOD_LOCK)], check=True)
    part = SERVERS / "mongod.part"
    (unpacked / PACKAGED_MONGOD).rename(part)
    part.chmod(0o755)
    if not _runs(part):
        install("libcurl4")
    if not _runs(part):
        raise NotInstalledError("the packaged mongod does not run on this machine (it needs Linux x86-64, libcurl4)")
    part.replace(SERVERS / "mongod")
    shutil.rmtree(unpacked)


def _runs(mongod_program: Path) -> bool:
    return subprocess.run([str(mongod_program), "--version"], check=False, capture_output=True).returncode == 0
