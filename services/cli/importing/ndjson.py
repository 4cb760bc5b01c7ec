"""Carillon's own lines: as `carillon devices export` writes them, and `POST /v1/devices:import` takes them."""

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO, Final

from services.cli.importing.row import Device, Row, Skipped, Variants

BOM: Final = codecs.BOM_UTF8


def read(file: BinaryIO, variants: Variants) -> Iterator[Row]:
    """Lines as they are; each goes to the variant that is named for its own by `--map`, or for all by `--variant`."""
    move = variants.default is not None or bool(variants.by_platform)
    for place, raw in enumerate(file, 1):
        line = raw.removeprefix(BOM).strip() if place == 1 else raw.strip()
        if line:
            yield _moved(place, line, variants) if move else Device(place, line)


def _moved(place: int, line: bytes, variants: Variants) -> Row:
    """Without the id: it is that of the variant it came from. What nobody named a variant for goes as it is."""
    try:
        said = json.loads(line)
    except ValueError as error:
        return Device(place, line) if variants.default is None else Skipped(place, f"no JSON: {error}")
    if not isinstance(said, dict):
        return Device(place, line) if variants.default is None else Skipped(place, "no JSON object")
    variant = variants.of(str(said.get("variant")))
    if variant is None:
        return Device(place, line)
    said.pop("id", None)
    return Device(place, json.dumps({**said, "variant": variant}, separators=(",", ":"), ensure_ascii=False).encode())
