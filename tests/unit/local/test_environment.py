"""Each process is given the variables of its entry, and no other: a service refuses those that it does not know."""

from pathlib import Path

import pytest

from services.cli.local.services import DELIVERY_APNS, DELIVERY_FCM, LISTENERS, WAVES, Entry, Site, environment

SITE = Site(
    "amqp://broker/",
    "mongodb://store/",
    "books",
    Path("/stack"),
    60,
    {name: 2000 + i for i, name in enumerate(LISTENERS)},
)
ENTRIES = [entry for wave in WAVES for entry in wave]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_process_is_given_exactly_what_its_entry_names(entry: Entry) -> None:
    given = environment(entry, SITE, 8080, {})
    assert given.keys() == {f"CARILLON_{name}" for name in (*entry.variables, *entry.fixed, entry.port)}
    assert given[f"CARILLON_{entry.port}"] == "8080"


def test_delivery_knows_no_other_platforms_addresses() -> None:
    assert not any("FCM" in name for name in environment(DELIVERY_APNS, SITE, 1, {}))
    assert not any("APNS" in name for name in environment(DELIVERY_FCM, SITE, 1, {}))


def test_what_a_test_asks_for_wins_over_the_table() -> None:
    given = environment(DELIVERY_APNS, SITE, 1, {"LOG_LEVEL": "debug", "CHUNKS_IN_FLIGHT": "2"})
    assert given["CARILLON_LOG_LEVEL"] == "debug"
    assert given["CARILLON_CHUNKS_IN_FLIGHT"] == "2"


def test_a_whole_time_scale_is_written_without_a_fraction() -> None:
    assert environment(DELIVERY_APNS, SITE, 1, {})["CARILLON_TIME_SCALE"] == "60"
