"""What small slices are worked together, and what stays apart: by the messages that bring them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.flow.lane import Lane
from tests.integration.delivery.working import CHUNKS, Scene, due, member, open_scene

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(mongodb_url: str, database: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(mongodb_url, database, tmp_path) as opened:
        yield opened


async def test_what_waited_together_is_one_piece_of_work_and_each_slice_is_in_it_once(scene: Scene) -> None:
    messages = [scene.message(due(0), due(1)), scene.message(due(2)), scene.message(due(1), due(3))]
    await scene.slices.together(messages, Lane.NOW)
    assert scene.worked == [[member(0), member(1), member(2), member(3)]]
    assert scene.acked
    assert not scene.published


async def test_a_message_that_comes_back_does_not_join_the_others(scene: Scene) -> None:
    messages = [
        scene.message(due(0)), scene.message(due(1), redelivered=True), scene.message(due(2), due(3), redelivered=True),
    ]  # fmt: skip
    await scene.slices.together(messages, Lane.NOW)
    assert sorted(scene.worked) == [[member(0)], [member(1)]]
    assert [one.slices for one in scene.published] == [(due(2),), (due(3),)]
    assert all(one.alone for one in scene.published)  # else a slice that kills its workers would take others along
    assert scene.acked


async def test_what_was_taken_apart_stays_apart(scene: Scene) -> None:
    messages = [scene.message(due(number), alone=True) for number in range(3)]
    await scene.slices.together(messages, Lane.NOW)
    assert sorted(scene.worked) == [[member(0)], [member(1)], [member(2)]]
    assert scene.acked


async def test_a_message_narrowed_to_a_chunk_brings_that_chunk_only(scene: Scene) -> None:
    await scene.slices.together([scene.message(due(0)), scene.message(due(9, 1), alone=True)], Lane.NOW)
    await scene.slices.together([scene.message(due(9, 3), alone=True)], Lane.NOW)
    assert sorted(scene.worked) == [[member(0)], [member(9, 1)], [member(9, 3)]]
    assert scene.acked


async def test_a_slice_of_a_planned_send_is_worked_chunk_by_chunk_beside_a_bundle(scene: Scene) -> None:
    await scene.slices.together([scene.message(due(0), due(1)), scene.message(due(9))], Lane.NOW)
    assert sorted(scene.worked) == [[member(0), member(1)], *([member(9, chunk)] for chunk in range(CHUNKS))]
    assert scene.acked


async def test_a_slice_that_several_messages_bring_at_once_is_worked_once(scene: Scene) -> None:
    await scene.slices.together([scene.message(due(0), redelivered=True) for _ in range(2)], Lane.NOW)
    await scene.slices.together([scene.message(due(1)), scene.message(due(1), redelivered=True)], Lane.NOW)
    assert scene.worked == [[member(0)], [member(1)]]
    assert scene.acked
