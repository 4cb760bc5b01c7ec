"""`up` and `down`: what one process starts, another ends, and nothing else."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.local.errors import StackStateError
from services.cli.local.services import SIMULATOR
from services.cli.local.stack import Stack, down, state, state_file, wipe


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The servers and the simulator: enough to start and stop."""
    stack = Stack(tmp_path_factory.mktemp("stack"), waves=[[SIMULATOR]])
    stack.start()
    yield stack
    stack.kill()


def test_its_state_names_every_address_and_only_its_owner_reads_it(stack: Stack) -> None:
    addresses = state(stack.folder)["addresses"]
    assert addresses["amqp"] == stack.broker.url
    assert addresses["mongodb"] == stack.store.url
    assert addresses["simulator"] == stack.fleet.control
    assert stat.S_IMODE(state_file(stack.folder).stat().st_mode) == 0o600  # the broker's password is in it


def test_a_second_up_in_the_same_folder_is_refused(stack: Stack) -> None:
    with pytest.raises(StackStateError, match="up already"):
        Stack(stack.folder, waves=[[SIMULATOR]]).start()
    assert stack.broker.alive()


def test_a_stale_state_file_ends_nobody_elses_process(stack: Stack, tmp_path: Path) -> None:
    text = state_file(stack.folder).read_text("utf-8")
    for known in state(stack.folder)["servers"] + list(state(stack.folder)["services"].values()):
        for key in {"born", "epmd_born"} & known.keys():  # as if the pids had been given to others since
            text = text.replace(str(known[key]), str(known[key] - 1))
    state_file(tmp_path).write_text(text, "utf-8")
    assert down(tmp_path) == []
    assert stack.broker.alive()
    assert stack.store.alive()
    assert stack.fleet.processes["simulator"].alive()


def test_down_ends_all_of_it_and_up_finds_the_data_again(stack: Stack) -> None:
    stack.broker.ctl("add_vhost", "kept")
    assert set(down(stack.folder)) >= {"simulator"}
    parts = (stack.broker, stack.store, stack.fleet.processes["simulator"])
    assert [part.alive() for part in parts] == [False, False, False]
    assert state(stack.folder) == {}
    again = Stack(stack.folder, waves=[[SIMULATOR]])
    again.start()
    try:
        assert "kept" in again.broker.ctl("list_vhosts")
    finally:
        again.kill()
    wipe(stack.folder)
    assert not stack.folder.exists()
