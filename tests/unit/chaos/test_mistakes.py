"""The table of mistakes names tests and cases that exist."""

import re
from pathlib import Path

from tests.chaos import catalogue

TESTS = Path(catalogue.__file__).parents[1]
TABLE = Path(catalogue.__file__).with_name("README.md").read_text("utf-8").partition("## The 25")[2]


def test_every_mistake_has_a_row_and_whatever_it_names_exists() -> None:
    rows = [line for line in TABLE.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 26))
    sources = "".join(file.read_text("utf-8") for file in TESTS.rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", sources)) | {case.name for case in catalogue.CASES}
    for row in rows:
        named = re.findall(r"`([a-z0-9_-]+)`", row)
        assert named, row
        assert set(named) <= defined, row
