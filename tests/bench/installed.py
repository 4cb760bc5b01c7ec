"""What the bench needs from Debian, brought when it is missing, and its own C programs, compiled when they changed."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from services.cli.local.debian import install
from tests.bench.figures import folder

HERE: Final = Path(__file__).parent
COMPILER: Final = ("gcc", "-std=gnu11", "-O2", "-Wall")
LIBRARIES: Final = {"sink": ("-lnghttp2", "-lssl", "-lcrypto"), "load": ()}
HEADERS: Final = {
    "libnghttp2-dev": Path("/usr/include/nghttp2/nghttp2.h"),
    "libssl-dev": Path("/usr/include/openssl/ssl.h"),
}


def compiled(name: str) -> Path:
    """The program made of `name`.c. Raises NotInstalledError with what to install by hand."""
    source, program = HERE / f"{name}.c", folder("bin") / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        _need("gcc", "gcc")
        _need("libc6-dev", Path("/usr/include/stdio.h"))
        for package, header in HEADERS.items() if LIBRARIES[name] else ():
            _need(package, header)
        part = program.with_suffix(".part")
        subprocess.run([*COMPILER, "-o", str(part), str(source), *LIBRARIES[name]], check=True)
        part.replace(program)
    return program


def h2load() -> str:
    """Where h2load is."""
    return _need("nghttp2-client", "h2load")


def nginx() -> str:
    """Where nginx is. It is never started as a service."""
    return _need("nginx-light", "/usr/sbin/nginx", ("nginx.service",))


def _need(package: str, what: str | Path, never_started: tuple[str, ...] = ()) -> str:
    if (found := _found(what)) is None:
        install(package, never_started)
        found = _found(what)
    return found or str(what)


def _found(what: str | Path) -> str | None:
    return shutil.which(what) if isinstance(what, str) else str(what) if what.exists() else None
