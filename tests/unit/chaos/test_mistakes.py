"""The tables of the proof: mistakes name tests and cases that exist, and every case was played and held."""

import re
from pathlib import Path

from tests.chaos import catalogue

TESTS = Path(catalogue.__file__).parents[1]
RUN, _, TABLE = Path(catalogue.__file__).with_name("README.md").read_text("utf-8").partition("## The 25")


def test_every_mistake_has_a_row_and_whatever_it_names_exists() -> None:
    rows = [line for line in TABLE.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 26))
    sources = "".join(file.read_text("utf-8") for file in TESTS.rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", sources)) | {case.name for case in catalogue.CASES}
    for row in rows:
        named = re.findall(r"`([a-z0-9_-]+)`", row)
        assert named, row
        assert set(named) <= defined, row
        assert "**open**" not in row


def test_every_case_has_a_row_that_held_or_is_said_to_have_none() -> None:
    """Promised, arrived, lost, twice, bound, wrong, felt, seconds, in flight."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|(.+)\|$", RUN, re.MULTILINE)
    without = re.findall(r"`([a-z0-9-]+)`", RUN.partition("Without a row")[2])
    assert sorted([*(name for name, _ in rows), *without]) == sorted(case.name for case in catalogue.CASES)
    for name, row in rows:
        cells = [cell.strip().replace(",", "") for cell in row.split("|")]
        promised, arrived, lost, twice, bound, wrong = map(int, cells[:6])
        assert min(promised, arrived) > 40_000, name
        assert (lost, wrong) == (0, 0), name
        assert twice <= bound, name
