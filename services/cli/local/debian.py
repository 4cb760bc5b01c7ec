"""Installs a Debian package without letting it start a server of its own, now or at the next boot."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.local.errors import NotInstalledError
from services.cli.local.places import BUILD

POLICY = Path("/usr/sbin/policy-rc.d")  # asked before a package starts a service; 101 means: do not
DENY = "#!/bin/sh\nexit 101\n"
LOCK = BUILD / "apt.lock"
OTHERS = "DPkg::Lock::Timeout=300"  # seconds that apt waits for somebody else's installation


def install(package: str, never_started: tuple[str, ...] = ()) -> None:
    """Needs root, or sudo without a password. Raises NotInstalledError with what to do by hand."""
    become_root = _become_root()
    if become_root is None or shutil.which("apt-get") is None:
        raise NotInstalledError(f"{package} is missing and cannot be installed from here: apt-get install {package}")
    apt = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", OTHERS]
    with _one_at_a_time(), _no_service_starts(become_root):
        _run([*apt, "update"], check=False)  # an old index may still do
        _run([*apt, "install", "-y", "--no-install-recommends", package])
    if never_started and Path("/run/systemd/system").exists():
        _run([*become_root, "systemctl", "disable", "--quiet", *never_started], check=False)


def possible() -> bool:
    """Whether a package can be installed from here."""
    return _become_root() is not None and shutil.which("apt-get") is not None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two at once would take each other's policy for the machine's own."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_service_starts(become_root: list[str]) -> Iterator[None]:
    """A policy that denies every start, in the place of the machine's own until the block ends."""
    aside = POLICY.with_name("policy-rc.d.carillon")
    if POLICY.exists() and not aside.exists():
        _run([*become_root, "mv", str(POLICY), str(aside)])
    subprocess.run([*become_root, "tee", str(POLICY)], input=DENY, text=True, check=True, stdout=subprocess.DEVNULL)
    try:
        _run([*become_root, "chmod", "755", str(POLICY)])
        yield
    finally:
        _run([*become_root, "rm", "-f", str(POLICY)])
        if aside.exists():
            _run([*become_root, "mv", str(aside), str(POLICY)])


def _become_root() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    allowed = sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0
    return [sudo, "-n"] if sudo and allowed else None


def _run(command: list[str], *, check: bool = True) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise NotInstalledError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
