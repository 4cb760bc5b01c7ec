"""A service started as a local process is ready when it says so, and ends as it was told to."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.cli.local.errors import StartFailedError
from services.cli.local.fleet import Fleet
from services.cli.local.owned import born
from services.cli.local.processes import ServiceProcess
from services.cli.local.services import SIMULATOR

NOWHERE = "nowhere://"  # the simulator needs neither broker nor store


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[ServiceProcess]:
    fleet = Fleet(tmp_path, NOWHERE, NOWHERE, waves=[[SIMULATOR]])
    fleet.start()
    yield fleet.processes["simulator"]
    fleet.kill()


def test_a_started_service_answers_at_its_address(simulator: ServiceProcess) -> None:
    assert httpx.get(f"{simulator.url}/readyz", trust_env=False).status_code == 200


def test_a_stopped_service_drains_and_ends_with_zero(simulator: ServiceProcess) -> None:
    pid = simulator.pid
    assert pid is not None
    assert simulator.stop() == 0
    assert born(pid) is None


def test_a_killed_service_starts_again_at_the_same_address(simulator: ServiceProcess) -> None:
    url, pid = simulator.url, simulator.pid
    simulator.kill()
    assert not simulator.alive()
    assert simulator.exit_code == -9
    simulator.start()
    assert simulator.url == url
    assert simulator.pid != pid
    assert simulator.ready()


def test_a_restarted_service_is_another_process(simulator: ServiceProcess) -> None:
    pid = simulator.pid
    simulator.restart()
    assert simulator.pid != pid


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, NOWHERE, NOWHERE, waves=[[SIMULATOR]], extra={"simulator": {"SIMULATOR_COLOUR": "green"}})
    with pytest.raises(StartFailedError, match="CARILLON_SIMULATOR_COLOUR"):
        fleet.start()
    assert not fleet.processes["simulator"].alive()


def test_a_variable_of_the_callers_does_not_reach_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARILLON_SIMULATOR_COLOUR", "green")
    fleet = Fleet(tmp_path, NOWHERE, NOWHERE, waves=[[SIMULATOR]])
    try:
        fleet.start()
        assert fleet.processes["simulator"].ready()
    finally:
        fleet.kill()


def test_one_more_replica_has_its_own_port_and_stops_with_the_others(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, NOWHERE, NOWHERE, waves=[[SIMULATOR]])
    second = fleet.another("simulator")
    assert second.port != fleet.processes["simulator"].port
    assert fleet.processes["simulator-2"] is second
