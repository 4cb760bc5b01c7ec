"""Gives back the places under a frequency cap of retries that were closed: they hold one, and will not use it."""

from collections.abc import Iterable
from typing import Final

from services.planner.mending import Debt
from shared.flow.cap import whose
from shared.flow.identity import attempt_of
from shared.flow.record import Owed, Part
from shared.flow.send import Send
from shared.flow.verdict import Fate
from shared.store.connection import Store

TOGETHER: Final = 50
"""Retries whose records are read at once: each lists up to a chunk of devices."""
UNSENT: Final = frozenset({Fate.CANCELLED, Fate.EXPIRED})


async def give_back(store: Store, send: Send, debts: Iterable[Debt]) -> None:
    """Of those that have a closing record by now and were certainly not sent; may be repeated."""
    if send.cap is None:
        return
    left = list(debts)
    for start in range(0, len(left), TOGETHER):
        some = left[start : start + TOGETHER]
        parts = await store.records.parts({one for debt in some for one in (debt.parent, debt.member)})
        for debt in some:
            owed = _owed(parts.get(debt.parent), debt.step)
            if owed is None or owed.holds >= attempt_of(debt.parent):  # it only ever waited: it never took a place
                continue
            if _unsent(parts.get(debt.member)):
                await _of(store, send, parts[debt.parent].variant, owed)


async def _of(store: Store, send: Send, variant: str, owed: Owed) -> None:
    """Whose the devices are now; of one that has gone to another user meanwhile nothing is given back."""
    devices = await store.devices.by_id(send.app, variant, owed.devices)
    known = {one.id: one.user for one in devices}
    held = [
        (whose(send.app, known.get(one), one) + (send.request.category or ""), send.id, one) for one in owed.devices
    ]
    await store.caps.give_back(held)


def _owed(parent: Part | None, step: int) -> Owed | None:
    return next((one for one in parent.owed if one.step == step), None) if parent is not None else None


def _unsent(part: Part | None) -> bool:
    return part is not None and part.closing and all(one.fate in UNSENT for one in part.counts)
