"""Takes the places of a chunk's users under their frequency caps before anything is sent; gives back what was not used.

Two round trips a chunk, whatever is in it, and none for sends without a cap. What a worker took and could not use up,
as it died, stays taken: a cap rather keeps one more back than lets one more through.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from services.delivery.flight import Flight
from services.delivery.retry import UNKNOWN_OUTCOME, Ended
from shared.flow.cap import Cap, taken, whose
from shared.flow.send import Send
from shared.flow.verdict import Fate
from shared.runtime.clock import Time
from shared.store.caps import Caps, Change, Kept

CAPPED: Final = Ended(Fate.SUPPRESSED, "capped")
UNKNOWN: Final = Ended(Fate.FAILED, UNKNOWN_OUTCOME)


class Ask(NamedTuple):
    """A send to some devices of one user, at `numbers` in its flight."""

    key: str
    flight: Flight
    cap: Cap
    numbers: tuple[int, ...]

    @property
    def send(self) -> Send:
        """Whose place it is."""
        return self.flight.tally.job.send

    def devices(self) -> list[bytes]:
        """For whom."""
        return [self.flight.devices[number].id for number in self.numbers]


@dataclass(frozen=True, slots=True)
class Capping:
    """Lives as long as the process; shared by all its chunks. Sends without a cap do not come here."""

    caps: Caps
    clock: Time

    async def admit(self, flights: Sequence[Flight]) -> None:
        """Takes out of them whoever has had enough; the others have a place."""
        asks = [ask for flight in flights for ask in asked(flight)]
        refused = {id(ask) for ask in await self._refused(asks)}
        by_flight: dict[Flight, list[Ask]] = defaultdict(list)
        for ask in asks:
            by_flight[ask.flight].append(ask)
        for flight, its in by_flight.items():
            _settle(flight, [one for one in its if id(one) in refused], [one for one in its if id(one) not in refused])

    async def give_back(self, flights: Iterable[Flight]) -> None:
        """Certainly nothing was sent of what these took."""
        held = [place for flight in flights for place in flight.tally.places_held()]
        if held:
            await self.caps.give_back(held)

    async def _refused(self, asks: Sequence[Ask]) -> list[Ask]:
        """Those without a place; the others are stored. Again and again for what others write meanwhile."""
        refused: list[Ask] = []
        while asks:
            now = self.clock.now()
            decided = [decide(its, kept, now) for its, kept in await self._read(asks)]
            lost = await self.caps.write([one.change for one in decided if one.change is not None])
            refused += [ask for one in decided if one.key not in lost for ask in one.refused]
            asks = [ask for ask in asks if ask.key in lost]
        return refused

    async def _read(self, asks: Sequence[Ask]) -> list[tuple[list[Ask], Kept]]:
        by_key: dict[str, list[Ask]] = defaultdict(list)
        for ask in asks:
            by_key[ask.key].append(ask)
        known = await self.caps.read(by_key)
        return [(its, known.get(key, Kept())) for key, its in by_key.items()]


class Decided(NamedTuple):
    """What becomes of the sends to one user that are asked for together, in their order."""

    key: str
    change: Change | None
    refused: Sequence[Ask]


def decide(asks: Sequence[Ask], kept: Kept, now: datetime) -> Decided:
    """One after the other; a dry run takes no place, it only hears whether there is one."""
    places, until, refused = kept.places, now, []
    for ask in asks:
        after = taken(places, ask.send.id, ask.devices(), ask.cap, now)
        if after is None:
            refused.append(ask)
        elif not ask.send.request.dry_run:
            places, until = after, max(until, now + ask.cap.period)
    changed = Change(asks[0].key, kept, places, until) if places != kept.places else None
    return Decided(asks[0].key, changed, refused)


def asked(flight: Flight) -> list[Ask]:
    """Of every user in the flight, or of every device that is nobody's."""
    send = flight.tally.job.send
    if send.cap is None:
        return []
    numbers: dict[str, list[int]] = defaultdict(list)
    app, category = send.app, send.request.category or ""
    for number, device in enumerate(flight.devices):
        numbers[whose(app, device.user, device.id) + category].append(number)
    return [Ask(key, flight, send.cap, tuple(found)) for key, found in numbers.items()]


def _settle(flight: Flight, refused: Sequence[Ask], granted: Sequence[Ask]) -> None:
    if not flight.tally.job.send.request.dry_run:
        flight.tally.places = {device: ask.key for ask in granted for device in ask.devices()}
    if refused:
        ended = UNKNOWN if flight.tally.found.unknown else CAPPED  # long ago it may have been delivered
        for ask in refused:
            for device in ask.devices():
                flight.tally.end(device, ended)
        flight.keep(sorted(number for ask in granted for number in ask.numbers))
