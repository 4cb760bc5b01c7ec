"""What `make test` makes of tests that fail: tried again alone, if they are few."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.lanes import AT_MOST, Lane, lanes, run

FINE = "def test_fine():\n    pass\n"
BROKEN = "def test_broken():\n    assert False\n"
ONCE = """
from pathlib import Path

def test_once():
    mark = Path(__file__).with_suffix(".mark")
    there = mark.exists()
    mark.touch()
    assert there
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below where pytest is started: that is what it names tests from."""
    made = Path("build") / f"lanes-{token_hex(4)}"
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made)


def outcome(folder: Path, **files: str) -> int:
    """Each file in a lane of its own."""
    made = []
    for name, text in files.items():
        file = folder / f"test_{name}.py"
        file.write_text(text)
        made.append(Lane(name, [str(file)], folder))
    return run(made)


def test_what_fails_once_and_passes_alone_is_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert outcome(folder, once=ONCE, fine=FINE) == 0
    assert f"PASSED ALONE: {folder}/test_once.py::test_once" in capfd.readouterr().out


def test_what_fails_again_is_broken(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert outcome(folder, once=ONCE, broken=BROKEN) == 1
    assert "PASSED ALONE" not in capfd.readouterr().out


def test_many_failures_are_not_tried_again(folder: Path) -> None:
    many = "\n".join(ONCE.replace("test_once", f"test_{n}").replace(".mark", f".{n}") for n in range(AT_MOST + 1))
    assert outcome(folder, many=many) == 1


def test_what_cannot_be_collected_is_no_failure_of_a_test(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert outcome(folder, wrong="import nowhere", once=ONCE) == 1
    assert "Once more" not in capfd.readouterr().out


def test_what_is_wrong_beside_a_test_that_failed_is_not_excused(folder: Path) -> None:
    ends = "import os\ndef test_ends():\n    os._exit(1)\n"
    assert outcome(folder, ends=ends, once=ONCE) == 1
    assert outcome(folder, ends=ends + ONCE.replace("test_once", "test_a"), fine=FINE) == 1


def test_what_is_skipped_the_second_time_has_not_passed(folder: Path) -> None:
    skipped = ONCE.replace("assert there", "if there:\n        __import__('pytest').skip('gone')\n    assert there")
    assert outcome(folder, skipped=skipped) == 1


def test_a_lane_without_tests_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="lane none has no tests"):
        run([Lane("none", [], folder)])


def test_every_test_is_in_one_lane_and_only_one(folder: Path) -> None:
    rest, *others = lanes(folder)
    named = [Path(one) for lane in others for one in lane.arguments]
    ignored = [Path(one.partition("=")[2]) for one in rest.arguments]

    def homes(file: Path) -> int:
        beside = sum(file == one or one in file.parents for one in named)
        return beside + (not any(file == one or one in file.parents for one in ignored))

    found = list(Path("tests").rglob("test_*.py"))
    assert len(found) > 250
    assert {homes(one) for one in found} == {1}
