"""Finds processes that a stack left behind."""

from pathlib import Path


def left_behind(folder: Path) -> list[str]:
    """Command lines of live processes that were started for a stack in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = ((process / name).read_bytes() for name in ("environ", "cmdline"))
        except OSError:  # it ended while we looked, or is another user's
            continue
        if str(folder).encode() in environment + command:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found
