"""Puts on the bus what planners say: wake-ups, some of them for later, and what reporters are to look at."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.bus.delay import ladder, step_for, wait_queue
from shared.bus.topology import DEFAULT, RESULTS, results_key, sends_queue
from shared.flow.envelope import ChunksDone, Refused, SendsDue
from shared.flow.identity import split_send_key
from shared.flow.lane import Lane
from shared.waking import Waking

LATER: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Publishing(Waking):
    """Lives as long as the process. Every call returns when the broker has confirmed, or raises what the bus raises."""

    scale: float

    async def sends_later(self, lane: Lane, key: str) -> None:
        """Wakes a planner for this send after a while."""
        step = step_for(LATER, self.scale) or ladder(self.scale)[-1]
        body = SendsDue(sends=(key,)).model_dump_json()
        await self.bus.publish(DEFAULT, wait_queue(sends_queue(lane), step), body.encode())

    async def again(self, lane: Lane, key: str) -> None:
        """Wakes a reporter: everything about this send is to be derived from the store afresh."""
        body = ChunksDone(lane=lane, again=(key,)).model_dump_json()
        await self.bus.publish(RESULTS, results_key(lane, split_send_key(key)[0]), body.encode())

    async def refused(self, lane: Lane, refused: Refused) -> None:
        """Has a reporter tell of a command that nothing is stored of."""
        body = ChunksDone(lane=lane, refused=(refused,)).model_dump_json()
        await self.bus.publish(RESULTS, results_key(lane, split_send_key(refused.key)[0]), body.encode())
