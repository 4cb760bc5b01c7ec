"""Commands wait for their replies in the task that asked: against a real server, alive, frozen, and gone."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from services.cli.local.mongod import LocalStore
from shared.store import direct_replies
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring

pytestmark = pytest.mark.anyio
PYMONGOS = {"PyMongoProtocol.write", "PyMongoProtocol.read", "_poll_cancellation"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalStore]:
    server = LocalStore(tmp_path / "mongo")
    server.start()
    yield server
    server.kill()


def pid_of(server: LocalStore) -> int:
    assert server.pid is not None
    return server.pid


@contextlib.contextmanager
def started() -> Iterator[list[str]]:
    """The names of the coroutines that tasks are made of meanwhile."""
    loop, names = asyncio.get_running_loop(), list[str]()

    def factory(on: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **said: Any) -> asyncio.Task[Any]:
        names.append(getattr(coro, "__qualname__", ""))
        return asyncio.Task(coro, loop=on, **said)

    loop.set_task_factory(factory)  # type: ignore[arg-type]
    try:
        yield names
    finally:
        loop.set_task_factory(None)


def test_with_the_pymongo_that_is_required_they_are_in_place() -> None:
    assert direct_replies.install()
    assert direct_replies.install(), "and may be put there again"


async def test_no_command_starts_a_task(opened: Store) -> None:
    rows = opened.database["rows"]
    await rows.insert_many([{"_id": n, "text": "x" * 1000} for n in range(3000)])
    with started() as names:
        found = await rows.find({}, batch_size=500).to_list(None)
        await rows.update_one({"_id": 1}, {"$set": {"text": ""}})
    assert len(found) == 3000
    assert not PYMONGOS & set(names)


async def test_who_is_cancelled_while_he_waits_spoils_nothing_for_others(opened: Store) -> None:
    rows = opened.database["rows"]
    await rows.insert_many([{"_id": n, "text": "x" * 1000} for n in range(500)])
    for turn in range(20):
        await asyncio.gather(*(rows.find({}).to_list(None) for _ in range(10)))  # who is cancelled as he connects is
        asking = [asyncio.create_task(rows.find({}).to_list(None)) for _ in range(10)]  # another matter
        await asyncio.sleep(turn / 2000)
        for one in asking[::2]:
            one.cancel()
        ended = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(one, list) and len(one) == 500 for one in ended[1::2])
    assert await rows.count_documents({}) == 500


async def test_a_server_that_stops_answering_costs_its_limit_and_no_more(own: LocalStore, tmp_path: Path) -> None:
    keyring = open_keyring(tmp_path / "keyring")
    async with open_store(own.url, "stops", keyring, limit=timedelta(seconds=2)) as store:
        rows = store.database["rows"]
        await rows.insert_one({"_id": 1})
        os.kill(pid := pid_of(own), signal.SIGSTOP)
        try:
            ended = await asyncio.gather(*(rows.find_one({"_id": 1}) for _ in range(5)), return_exceptions=True)
            assert all(isinstance(one, PyMongoError) and one.timeout for one in ended), ended
        finally:
            os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(PyMongoError):
                    assert await rows.find_one({"_id": 1}) == {"_id": 1}
                    break


async def test_a_server_that_dies_fails_those_who_wait_for_it(own: LocalStore, tmp_path: Path) -> None:
    keyring = open_keyring(tmp_path / "keyring")
    async with open_store(own.url, "dies", keyring, limit=timedelta(seconds=4)) as store:
        rows = store.database["rows"]
        await rows.insert_one({"_id": 1})
        waiting = asyncio.create_task(rows.find_one({"$where": "sleep(15000) || true"}))
        await asyncio.sleep(1)
        os.kill(pid_of(own), signal.SIGKILL)
        with pytest.raises(PyMongoError):
            await waiting
