"""Other people's programs that tests need, brought from Debian where they are missing: no test is skipped for that."""

import shutil
from functools import cache
from typing import Final

from services.cli.local.debian import install

PACKAGES: Final = {
    "nginx": "nginx-light",
    "nghttpd": "nghttp2-server",
    "node": "nodejs",
    "amqp-publish": "amqp-tools",
}
NEVER_STARTED: Final = {"nginx": ("nginx.service",)}


@cache
def program(name: str) -> str:
    """Where it is. Raises NotInstalledError with what to install by hand."""
    found = _found(name)
    if found is None:
        install(PACKAGES[name], NEVER_STARTED.get(name, ()))
        found = _found(name)
    assert found is not None, f"{PACKAGES[name]} has no {name}"
    return found


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")  # not on everybody's PATH
