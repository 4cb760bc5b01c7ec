"""No service decides by what the broker counts: how it counts changed with 3.13, 4.0 and 4.3.

Deliveries and deaths are shown to operators, by the file that reads dead letters; nothing else may know their names.
"""

import re
from pathlib import Path

import shared
from shared.bus.incoming import Incoming, Settlement
from shared.flow.envelope import SliceDue, SlicesDue
from shared.taking import read

ROOT = Path(shared.__file__).parents[1]
COUNTED = re.compile(r"x-death|x-delivery-count|x-acquired|x-first-death|x-last-death|delivery_count|death_count")
SHOWN_BY = {"shared/bus/dead.py"}


def test_only_the_reader_of_dead_letters_knows_what_the_broker_counts() -> None:
    files = [file for folder in ("shared", "services") for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    knowing = {str(file.relative_to(ROOT)) for file in files if COUNTED.search(file.read_text("utf-8"))}
    assert knowing == SHOWN_BY


async def _settle(_: Settlement) -> bool:
    return True


def test_a_slice_is_the_same_whatever_stands_in_the_headers() -> None:
    due = SlicesDue(slices=(SliceDue(id="app.send.v.0-1", chunks=(3,)),))
    for headers in ({}, {"x-delivery-count": 99}, {"x-death": [{"count": 99}], "attempt": 31}):
        incoming = Incoming(
            due.model_dump_json().encode(), "", "slices.fcm.now", headers, None, None, None, None, None,
            redelivered=bool(headers), published=None, _settle=_settle, _gone=lambda: False,
        )  # fmt: skip
        assert read(SlicesDue, incoming) == due
