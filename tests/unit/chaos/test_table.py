"""What a run leaves behind: a line for each case in the form that others read, and beside it which metrics moved."""

import json
from pathlib import Path

from tests.chaos import table
from tests.chaos.case import Outcome, Result

NAMES = [
    "case", "devices", "promised", "delivered", "lost", "duplicated", "in_flight_bound", "in_flight_at_kills",
    "miscounted", "seconds", "seed",
]  # fmt: skip


def test_a_line_has_the_names_that_others_read_and_no_others(tmp_path: Path) -> None:
    result = Result("kill", 10, 10, 10, 0, 1, 8, (3, 4), 0, 1.5, 7, ("chunks", "chunk_conflicts"))
    table.write(tmp_path / "build" / "chaos.json", {"kill": Outcome(result), "broken": Outcome(None, ("no broker",))})
    said = json.loads((tmp_path / "build" / "chaos.json").read_text())
    assert [list(line) for line in said["cases"]] == [NAMES]
    assert said["cases"][0]["in_flight_at_kills"] == [3, 4]
    metrics = json.loads((tmp_path / "build" / "chaos.metrics.json").read_text())
    assert metrics["moved"] == {"kill": ["chunks", "chunk_conflicts"]}
    assert "retries" in metrics["in_no_case"]
    assert "chunks" not in metrics["in_no_case"]
