"""What a sick provider does, in spells that come and go: the rules of the far end, and its own count of what came."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Final

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from services.simulator.exchange import Answer, Connection, Drop, Handler, Request, Reset, Response, Then
from tests.soak.books import ACCEPTED, REFUSED_ONCE

SPELL: Final = 4.0
BETWEEN: Final = 2.0
"""Seconds of fine weather after each spell."""
EXPLAINS: Final = frozenset({
    "410", "503", "Shutdown", "connection_lost", "goaway_enhance_your_calm", "goaway_no_error", "no_connection",
    "no_pong", "not_written_in_time", "refused_stream", "reset_cancel", "reset_internal_error", "reset_no_error",
    "timeout",
})  # fmt: skip
"""The reasons that this weather is the cause of. Others, such as `goaway_flow_control_error`, are mistakes of ours."""
UNDECIDED: Final = 2**31 - 1
"""The last stream of a first, graceful GOAWAY (RFC 9113, section 6.8)."""
GONE: Final = b'{"reason":"Unregistered","timestamp":1454402113000}'
DOWN: Final = b'{"reason":"ServiceUnavailable"}'
FINE_BODY: Final = b'{"name":"projects/demo/messages/0:1"}'


class Spell(StrEnum):
    FINE = "fine"
    GOAWAYS = "goaways"
    RESETS = "resets"
    ERRORS = "errors"
    SLOW = "slow"
    LIMITS = "limits"
    LOST = "lost"
    SILENT = "silent"
    DEAF = "deaf"
    UNWILLING = "unwilling"


def spells(rng: random.Random) -> Iterator[tuple[Spell, float]]:
    """Each with its seconds, for ever: all kinds in some order, then all in another."""
    kinds = [one for one in Spell if one is not Spell.FINE]
    while True:
        rng.shuffle(kinds)
        for one in kinds:
            yield one, SPELL
            yield Spell.FINE, BETWEEN


class Weather(Handler):
    """`counts`: a byte for each request, by the number at the end of its path. `met`: how often what has struck."""

    def __init__(self, seed: int, counts: bytearray) -> None:
        self.counts = counts
        self.met: Counter[str] = Counter()
        self.connections = 0
        self._rng = random.Random(seed)
        self._spells = spells(self._rng)
        self._spell = Spell.FINE
        self._clearing = False

    def change(self) -> None:
        """The next spell, and so on."""
        self._spell, seconds = next(self._spells)
        asyncio.get_running_loop().call_later(seconds, self.change)

    def clear(self) -> None:
        """Fine weather from now on."""
        self._clearing = True

    @property
    def spell(self) -> Spell:
        """What the weather is like."""
        return Spell.FINE if self._clearing else self._spell

    def opened(self, connection: Connection) -> None:  # noqa: ARG002  # the handler's interface
        return

    def answered(self, request: Request, response: Response) -> None:  # noqa: ARG002  # the same
        return

    # ── Handler ──────────────────────────────────────────────────────────────────────────────────────────────────

    def accept(self, connection: Connection) -> bool:  # noqa: ARG002  # all the same
        self.connections += 1
        return not self._strikes(Spell.UNWILLING, 0.7)

    def settings(self, connection: Connection) -> dict[SettingCodes, int]:  # noqa: ARG002  # the same
        streams, window = self._rng.choice((10, 100, 1000)), self._rng.choice((200, 5_000, 65_535, 2**20))
        return {SettingCodes.MAX_CONCURRENT_STREAMS: streams, SettingCodes.INITIAL_WINDOW_SIZE: window}

    def sweep(self, connection: Connection) -> None:
        if self._strikes(Spell.GOAWAYS, 0.4):
            self._part(connection)
        elif self._strikes(Spell.LIMITS, 0.5):
            connection.change_settings(self.settings(connection) | self._fewer())

    def deaf(self, connection: Connection) -> bool:  # noqa: ARG002  # all the same
        return self._strikes(Spell.DEAF, 0.01)

    def answer(self, request: Request) -> Answer:
        number = int(request.path[-16:], 16)
        if self._strikes(Spell.RESETS, 0.05):
            return Reset(ErrorCodes.REFUSED_STREAM)
        if self._strikes(Spell.RESETS, 0.05):
            return Reset(self._rng.choice((ErrorCodes.INTERNAL_ERROR, ErrorCodes.CANCEL, ErrorCodes.NO_ERROR)))
        if self._strikes(Spell.ERRORS, 0.3):
            self.counts[number] += REFUSED_ONCE
            return Response(503, (), DOWN) if self._rng.random() < 0.8 else Response(410, (), GONE)
        if self._strikes(Spell.SILENT, 0.03):
            return Drop.BLACK_HOLE
        if self._strikes(Spell.LOST, 0.005):
            return Drop.CLOSE
        self.counts[number] += ACCEPTED
        return self._accepted(request)

    def _accepted(self, request: Request) -> Answer:
        """What counts as delivered; the answer may be late, or lost all the same."""
        answer = Response(200, (("apns-id", request.header("apns-id") or ""),))
        answer = replace(answer, body=FINE_BODY, split=True) if self._rng.random() < 0.5 else answer
        if self._strikes(Spell.LOST, 0.005):
            return Drop.CLOSE
        if self._strikes(Spell.RESETS, 0.05):
            return Reset(ErrorCodes.INTERNAL_ERROR, after=0.05)
        if self._strikes(Spell.SLOW, 0.5):
            return replace(answer, after=self._rng.uniform(0.1, 3.0))
        return answer

    # ── what strikes ─────────────────────────────────────────────────────────────────────────────────────────────

    def _strikes(self, spell: Spell, share: float) -> bool:
        if self.spell is not spell or self._rng.random() >= share:
            return False
        self.met[spell] += 1
        return True

    def _part(self, connection: Connection) -> None:
        match self._rng.randrange(8):
            case 0 | 1 | 2:
                connection.goaway(debug=b'{"reason":"Shutdown"}')
            case 3 | 4:
                connection.goaway(then=Then.CLOSE)
            case 5:
                connection.goaway(error=ErrorCodes.ENHANCE_YOUR_CALM)
            case _:
                connection.goaway(last_stream_id=UNDECIDED, then=Then.STAY)
                asyncio.get_running_loop().call_later(0.1, connection.goaway)

    def _fewer(self) -> dict[SettingCodes, int]:
        return {SettingCodes.MAX_CONCURRENT_STREAMS: self._rng.choice((1, 3, 30, 1000))}
