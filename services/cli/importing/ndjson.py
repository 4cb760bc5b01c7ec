"""Carillon's own lines: as `carillon devices export` writes them, and `POST /v1/devices:import` takes them."""

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO, Final

from services.cli.importing.row import Device, Row, Skipped, Variants

BOM: Final = codecs.BOM_UTF8


def read(file: BinaryIO, variants: Variants) -> Iterator[Row]:
    """Lines as they are; where `--variant` is given, each goes to that one."""
    for place, raw in enumerate(file, 1):
        line = raw.removeprefix(BOM).strip() if place == 1 else raw.strip()
        if line:
            yield Device(place, line) if variants.default is None else _moved(place, line, variants.default)


def _moved(place: int, line: bytes, variant: str) -> Row:
    """The id goes too: it is that of the variant it came from."""
    try:
        said = json.loads(line)
    except ValueError as error:
        return Skipped(place, f"no JSON: {error}")
    if not isinstance(said, dict):
        return Skipped(place, "no JSON object")
    said.pop("id", None)
    return Device(place, json.dumps({**said, "variant": variant}, separators=(",", ":"), ensure_ascii=False).encode())
