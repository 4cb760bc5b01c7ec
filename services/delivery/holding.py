"""Decides for each device of a chunk whether it is sent to now, held until its own time, or left out. Pure.

What is held is owed by the record of the chunk like a retry: each device gets it exactly once, wherever it goes then.
When its turn comes, its zone is asked again: who has moved to where it is not yet that time, waits for it there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.delivery.job import Found, Job
from services.delivery.retry import Ended, too_late
from services.delivery.tally import Tally
from shared.flow.device import Device
from shared.flow.local_time import due, said_zone
from shared.flow.record import LOCAL_TIME, QUIET_HOURS
from shared.flow.send import Send
from shared.flow.timing import life, missed
from shared.flow.verdict import Fate

LOCAL: Final = LOCAL_TIME
QUIET: Final = QUIET_HOURS
PASSED: Final = Ended(Fate.SUPPRESSED, "zone_passed")
MISSED: Final = Ended(Fate.EXPIRED, "missed")
DROPPED: Final = Ended(Fate.SUPPRESSED, QUIET)
NO_TIME: Final = timedelta()


@dataclass(frozen=True, slots=True)
class Hold:
    """Until when, why, and after which moment it is not worth delivering."""

    due: datetime
    reason: str
    until: datetime


def to_send_now(tally: Tally, devices: Sequence[Device]) -> Sequence[Device]:
    """Those of these devices that are sent to now; the others are in the tally, held or ended.

    The job of the tally gets the deadline of those that are sent to.
    """
    send, found = tally.job.send, tally.found
    if send.request.local is None and found.quiet is None and found.until is None:
        return devices
    zones: dict[object, Hold | Ended | None] = {}
    now: list[Device] = []
    for device in devices:
        zone = said_zone(device.facts)
        if zone not in zones:
            zones[zone] = decided(send, found, zone, tally.now, tally.job.turn / tally.scale)
        match zones[zone]:
            case None:
                now.append(device)
            case Ended() as ended:
                tally.end(device.id, ended)
            case Hold() as hold:
                tally.hold(device.id, hold.due, hold.reason, hold.until)
    tally.job = on_time(tally.job, found)
    return now if tally.now < tally.job.send.deadline else _too_late(tally, now)


def on_time(job: Job, found: Found) -> Job:
    """The job with the deadline of its devices, where they have one of their own, as each day begins somewhere else."""
    until = found.until
    if until is None and job.send.request.local is not None:
        until = (found.looked_up_at or job.send.accepted_at) + life(job.send.request)
    if until is None or until >= job.send.deadline:
        return job
    return replace(job, send=job.send.model_copy(update={"deadline": until}))


def _too_late(tally: Tally, devices: Sequence[Device]) -> Sequence[Device]:
    for device in devices:
        tally.end(device.id, too_late("", unknown=tally.found.unknown))
    return ()


def decided(send: Send, found: Found, zone: object, now: datetime, turn: timedelta = NO_TIME) -> Hold | Ended | None:
    """What the devices of one zone are to get; None: the notification, now. `turn`: so long after the first ones."""
    waits = _local(send, found, zone, now, turn) if send.request.local is not None else None
    if waits is not None or found.quiet is None:
        return waits
    ends = found.quiet.ends(zone, now)
    if ends is None:
        return None
    return DROPPED if found.quiet.mode == "drop" else Hold(ends, QUIET, found.until or send.deadline)


def _local(send: Send, found: Found, zone: object, now: datetime, turn: timedelta) -> Hold | Ended | None:
    """By the device's own clock; what was tried before, or only waits for quiet hours to end, has had its time.

    Of a send that is spread each chunk has a turn, in every zone as long after its time: so no more go at once
    anywhere in the world than the chunks alone would.
    """
    local = send.request.local
    if local is None or found.waited_for not in {"", LOCAL}:
        return None
    moment = due(local, zone, send.begins_at or send.accepted_at)
    moment = None if moment is None else moment + turn
    if found.due is not None and (moment is None or moment <= now):
        moment = found.due  # it moved to where that time is over: its turn is now
    if moment is None:
        return PASSED
    if moment > now:
        return Hold(moment, LOCAL, moment + life(send.request))
    return MISSED if missed(moment, send.request.tolerance, now) else None
