"""How a simulated server behaves as a server, whatever the provider: the knobs of the wire applied to connections."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from typing import Any

from h2.settings import SettingCodes

from services.simulator.dial import Dial
from services.simulator.exchange import Answer, Connection, Excess, Handler, Request, Then
from services.simulator.knobs import Clock, Step

MINUTE = 60.0
UNDECIDED = 2**31 - 1  # the last-stream-id of a first, graceful GOAWAY (RFC 9113 section 6.8)
GRACE = 0.1  # seconds between the two GOAWAYs of a graceful end


class Conduct(Handler):
    """A handler whose subclass only gives `decide` (and, where its provider differs, `streams`)."""

    def __init__(self, dial: Dial[Any], clock: Clock) -> None:
        self.dial = dial
        self.clock = clock
        self._arrivals: dict[str, deque[float]] = {}
        self._banned: dict[str, float] = {}

    @abstractmethod
    def decide(self, request: Request) -> Answer:
        """The provider's rules. Drops and faults are theirs to apply: see `disturbance`."""

    def streams(self, connection: Connection) -> int:  # noqa: ARG002  for a subclass
        """The stream limit that this connection is due now."""
        limit: int = self.dial.now.stream_limit
        return limit

    def idle(self, connection: Connection) -> None:
        """A connection was silent for too long."""
        connection.goaway()

    def disturbance(self, scripted: Step | None) -> Step | None:
        """What befalls this request: its script first, else what the knobs' shares draw."""
        if scripted is not None:
            return scripted
        knobs, dial = self.dial.now, self.dial
        if dial.hit(knobs.black_hole):
            return Step(drop="black_hole")
        if dial.hit(knobs.lose_answer):
            return Step(drop="close", processed=True)
        return dial.fault()

    # ── Handler ──────────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> float:
        return self.clock.monotonic()

    def accept(self, connection: Connection) -> bool:
        if self.dial.refusals_left > 0:
            self.dial.refusals_left -= 1
            return False
        return self._churn_allows(connection.peer)

    def settings(self, connection: Connection) -> dict[SettingCodes, int]:
        return {SettingCodes.MAX_CONCURRENT_STREAMS: self.streams(connection)}

    def answer(self, request: Request) -> Answer:
        answer = self.decide(request)
        connection, knobs = request.connection, self.dial.now
        if self.dial.hit(knobs.goaway_share) or connection.requests == knobs.goaway_after:
            self.part(connection)
        return answer

    def excess(self, connection: Connection) -> Excess:  # noqa: ARG002  the same for all
        return Excess(self.dial.now.stream_excess)

    def deaf(self, connection: Connection) -> bool:  # noqa: ARG002  the same for all
        return bool(self.dial.now.deaf)

    def sweep(self, connection: Connection) -> None:
        knobs = self.dial.now
        self.follow_limit(connection)
        if knobs.goaway_age is not None and self.now() - connection.opened_at > knobs.goaway_age:
            self.part(connection)
        silent = self.now() - connection.active_at
        if knobs.idle_timeout is not None and silent > knobs.idle_timeout and not connection.in_flight:
            self.idle(connection)

    # ── for subclasses and the control port ──────────────────────────────────────────────────────────────────────

    def follow_limit(self, connection: Connection) -> None:
        """Advertise the limit that is due, if it is another one."""
        due = self.streams(connection)
        if connection.protocol == "h2" and connection.limit != due:
            connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: due})

    def part(self, connection: Connection) -> None:
        """Send the GOAWAY that the knobs describe, once a connection."""
        if connection.state.setdefault("parted", False):
            return
        connection.state["parted"] = True
        debug = self.dial.now.goaway_debug.encode()
        match self.dial.now.goaway_mode:
            case "close":
                connection.goaway(debug=debug, then=Then.CLOSE)
            case "graceful":
                connection.goaway(last_stream_id=UNDECIDED, then=Then.STAY)
                asyncio.get_running_loop().call_later(GRACE, lambda: connection.goaway(debug=debug))
            case _:
                connection.goaway(debug=debug)

    def _churn_allows(self, peer: str) -> bool:
        knobs, now = self.dial.now, self.now()
        if knobs.churn_limit is None:
            return True
        recent = self._arrivals.setdefault(peer, deque())
        recent.append(now)
        while recent[0] < now - MINUTE:
            recent.popleft()
        if len(recent) > knobs.churn_limit:
            self._banned[peer] = now + knobs.churn_refusal
        return self._banned.get(peer, now) <= now
