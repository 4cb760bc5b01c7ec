"""The operator's key: given, or read from a file of mode 0600 that the first start makes."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

LEAST: Final = 32
"""Characters; what we make has 64."""


class UnfitKey(Exception):  # noqa: N818  # said of the key
    """Do not start: the operator's key is too short to be one."""


def admin_key(given: str, path: Path) -> str:
    """The key. Of processes that start at once on one file, one writes it and all read it. Raises `UnfitKey`."""
    if not given and not path.exists():
        _make(path)
    key = given or path.read_text().strip()
    if len(key) < LEAST:
        source = "CARILLON_ADMIN_KEY" if given else str(path)
        message = f"{source}: the operator's key needs at least {LEAST} characters"
        raise UnfitKey(message)
    return key


def _make(path: Path) -> None:
    """Written whole beside the file, then linked there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"ak_{secrets.token_urlsafe(48)}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
