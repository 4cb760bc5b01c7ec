"""Whether two records of one chunk tell of a device that ended in two ways. Pure."""

from shared.flow.record import Part
from shared.flow.verdict import Fate


def conflicting(one: Part, other: Part) -> int:
    """How many devices are terminal in both with different verdicts, `failed` left out; one not listed is delivered."""
    first, second = _fates(one), _fates(other)
    open_ = {device for part in (one, other) for debt in part.owed for device in debt.devices}
    return sum(
        first.get(device, Fate.DELIVERED) != second.get(device, Fate.DELIVERED)
        and Fate.FAILED not in (first.get(device), second.get(device))
        for device in (set(first) | set(second)) - open_
    )


def _fates(part: Part) -> dict[bytes, Fate]:
    return {one.device: one.fate for one in part.undelivered}
