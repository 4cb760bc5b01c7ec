"""A rate counts only if both ends say the same, and load stays on this machine."""

import argparse

import pytest

from shared.flow.plan import CHUNK_SIZE
from tests.bench import bars
from tests.bench.__main__ import _here, _parts
from tests.bench.clients import checked
from tests.bench.figures import MeasureError, Table, markdown, percentile
from tests.bench.sink import token_hash

COUNT = 1000
ALL = COUNT + CHUNK_SIZE
SAID = {
    "fates": {"delivered": 985, "unregistered": 10, "owed": 5, "in_histogram": COUNT},
    "warmed": {"delivered": CHUNK_SIZE},
    "seconds": 2.0,
    "cpu_seconds": 1.0,
}
COUNTED = {"ok": ALL - 15, "gone": 10, "unavailable": 5, "requests": ALL, "distinct_tokens": ALL}


def test_a_run_counts_if_both_ends_say_the_same() -> None:
    run = checked(SAID, COUNT, COUNTED)
    assert (run.per_s, run.cpu_us) == (500, 1000)


@pytest.mark.parametrize("counter", sorted(COUNTED))
def test_a_run_does_not_count_if_one_of_the_counts_differs_by_one(counter: str) -> None:
    with pytest.raises(MeasureError):
        checked(SAID, COUNT, COUNTED | {counter: COUNTED[counter] + 1})


def test_a_run_does_not_count_if_an_answer_is_missing_in_the_histogram() -> None:
    said = SAID | {"fates": {"delivered": 985, "unregistered": 10, "owed": 5, "in_histogram": COUNT - 1}}
    with pytest.raises(MeasureError):
        checked(said, COUNT, COUNTED)


def test_tokens_are_named_as_the_sink_names_them() -> None:
    assert token_hash("a") == 0xAF63DC4C8601EC8C  # the published test vector of FNV-1a, 64 bits


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (51, 100, 7)


@pytest.mark.parametrize("address", ["10.0.0.1:443", "api.push.apple.com:443", "127.0.0.1", "0.0.0.0:443"])
def test_load_is_never_sent_to_another_machine(address: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        _here(address)


def test_parts_run_in_their_order_and_f_is_measured_with_a() -> None:
    assert _parts("e,f,b") == ("a", "b", "e")
    with pytest.raises(argparse.ArgumentTypeError):
        _parts("a,z")


def test_a_bar_on_time_moves_with_the_machine_and_a_ratio_does_not() -> None:
    measured = {"engine_over_aioapns": 49.0, "pipeline_delivery_cpu_us": 20.0}
    assert [row[-1] for row in bars.table(measured).rows] == ["no", "no"]
    assert [row[-1] for row in bars.table({**measured, "yardstick": 1.5}).rows] == ["no", "yes"]


def test_what_was_not_measured_is_not_in_the_table() -> None:
    assert bars.table({"date": "today"}).rows == []


def test_a_table_for_the_readme_is_markdown() -> None:
    assert markdown(Table("t", ("a", "b"), [["x", "1"]])) == "| a | b |\n| --- | ---: |\n| x | 1 |"
