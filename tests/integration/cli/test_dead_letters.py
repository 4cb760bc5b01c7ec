"""`carillon dead-letters` on a real broker: looked at and left, played again, given up; a death between is harmless."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from typer.testing import CliRunner

from services.cli import dead_letters
from services.cli.__main__ import build
from services.cli.dead_letters_box import NotSettledError, open_box
from shared.bus.connection import Bus, open_bus
from shared.bus.topology import DEAD, DEAD_LETTERS, DEFAULT, DROPS, topology

pytestmark = pytest.mark.anyio
SLICES = "slices.apns.now"
SLICE = b'{"v":1,"slices":[{"id":"a.send0001.0.0"}]}'


@pytest.fixture
async def bus(own: str) -> AsyncIterator[Bus]:
    """Without any dead letter of the test before."""
    async with open_bus(own, name="test") as bus:
        await bus.declare(topology(["apns"], 60))
        yield bus
        if left := (await bus.depth(DEAD_LETTERS)).ready:
            await bodies(bus, DEAD_LETTERS, left)


@pytest.fixture
def own(amqp_url: str) -> str:
    return amqp_url


async def bury(bus: Bus, queue: str, body: bytes, reason: str, **headers: str) -> None:
    """As a service does it: by hand of `Bus.bury`."""
    await bus.publish(DEFAULT, queue, body, headers=headers)
    async with bus.consume(queue, prefetch=1) as consumer, asyncio.timeout(60):
        await bus.bury(await anext(consumer), queue, reason)


async def run(url: str, *arguments: str) -> str:
    """The command in a thread: it has a loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, build(), ["dead-letters", *arguments, "--amqp-url", url])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


async def depth(bus: Bus, queue: str, expected: int) -> bool:
    """A requeue is not confirmed: it takes a moment to be seen."""
    async with asyncio.timeout(60):
        while (await bus.depth(queue)).ready != expected:  # noqa: ASYNC110  # the broker has no event for it
            await asyncio.sleep(0.02)
    return True


async def bodies(bus: Bus, queue: str, count: int) -> list[bytes]:
    async with bus.consume(queue, prefetch=count) as consumer, asyncio.timeout(60):
        found = [await anext(consumer) for _ in range(count)]
        for one in found:
            await one.ack()
        return [one.body for one in found]


async def test_a_look_changes_nothing_and_shows_no_payload(bus: Bus, own: str) -> None:
    await bury(bus, "commands", b'{"app": "a1", "id": "send0007", "message": {"title": "4711"}}', "unsigned")
    await bury(bus, SLICES, SLICE, "no SlicesDue: 1 problems")
    await bus.publish(DEFAULT, "sends.now", b"\x00\x01 not ours")
    async with bus.consume("sends.now", prefetch=1) as consumer:
        assert await (await anext(consumer)).reject()
    assert await depth(bus, DEAD_LETTERS, 3)
    for _ in range(3):
        text = await run(own, "list")
        for said in ("3 in all", "send0007", "a.send0001.0.0", "unsigned", "1 from sends.now: rejected"):
            assert said in text
        assert "4711" not in text
        assert await depth(bus, DEAD_LETTERS, 3)
    id_ = next(line.split()[0] for line in text.splitlines() if "a.send0001" in line)
    assert json.loads(await run(own, "show", id_))["body"]["slices"] == [{"id": "a.send0001.0.0"}]
    assert await depth(bus, DEAD_LETTERS, 3)


async def test_replay_brings_back_to_the_queue_as_it_was(bus: Bus, own: str) -> None:
    await bury(bus, "commands", b"command", "unsigned", **{"carillon-signature": "ab12"})
    await bury(bus, "results.now", b"result", "no ChunksDone")
    assert "1 replayed" in await run(own, "replay", "--queue", "commands")
    async with bus.consume("commands", prefetch=1) as consumer, asyncio.timeout(60):
        message = await anext(consumer)
        assert (message.body, message.headers["carillon-signature"]) == (b"command", "ab12")
        assert {"reason", "queue"} & set(message.headers) == set()
        await message.ack()
    assert await depth(bus, DEAD_LETTERS, 1)
    assert "1 replayed" in await run(own, "replay", "--all")
    assert await bodies(bus, "results.now", 1) == [b"result"]
    assert "0 in all" in await run(own, "list")


async def test_a_replay_that_dies_before_the_ack_can_be_repeated(bus: Bus, own: str) -> None:
    for n in range(3):
        await bury(bus, SLICES, b"%d" % n, "x")
    async with open_box(own) as box, aclosing(box.letters(10)) as letters:
        letter, _ = await anext(letters)
        await box._publish(letter.queue, letter)  # and there the process dies
    assert await depth(bus, DEAD_LETTERS, 3)
    assert "3 replayed" in await run(own, "replay", "--all")
    assert sorted(await bodies(bus, SLICES, 4)) == [b"0", b"0", b"1", b"2"]
    assert await depth(bus, DEAD_LETTERS, 0)


async def test_of_more_than_are_looked_at_it_is_said_how_many_lie_behind(
    bus: Bus, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        await bury(bus, SLICES, b"%d" % n, "x")
    monkeypatch.setattr(dead_letters, "MOST", 2)
    for command, behind in (("list", 3), ("replay", 3), ("drop", 1), ("list", 0)):
        assert await depth(bus, DEAD_LETTERS, behind + 2 if behind else 1)
        text = await run(own, command, *(["--all"] if command != "list" else []))
        assert (f"Behind them lie {behind} more" in text) is (behind > 0), text
    assert await bodies(bus, SLICES, 2) == [b"0", b"1"]


async def test_what_has_no_queue_any_more_stays(bus: Bus, own: str) -> None:
    headers = {"reason": "x", "queue": "slices.gone.now"}
    await bus.publish(DEAD, "slices.gone.now", b"left", headers=headers)
    with pytest.raises(NotSettledError):
        await run(own, "replay", "--all")
    assert await depth(bus, DEAD_LETTERS, 1)


async def test_dropped_slices_go_to_the_planner_and_the_rest_just_goes(bus: Bus, own: str) -> None:
    await bury(bus, SLICES, SLICE, "poison")
    await bury(bus, SLICES, b"unreadable", "no SlicesDue")
    await bury(bus, "sends.now", b'{"v":1,"sends":["a.b"]}', "x")
    assert "1 dropped" in await run(own, "drop", "--reason", "poison")
    assert await bodies(bus, DROPS, 1) == [SLICE]
    assert "2 dropped" in await run(own, "drop", "--all")
    assert await depth(bus, DEAD_LETTERS, 0)
    assert await depth(bus, DROPS, 0)
