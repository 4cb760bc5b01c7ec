"""What is held until a device's own time, what is left out, and with which deadline the rest goes."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from services.delivery.holding import LOCAL, QUIET, to_send_now
from services.delivery.job import Found
from services.delivery.tally import Tally
from shared.flow.device import Device
from shared.flow.local_time import LocalTime
from shared.flow.policy import QuietHours
from shared.flow.record import Part
from shared.flow.verdict import Fate
from tests.unit.delivery.chunks import NOW, job, send  # NOW: 1 May 2030, 12:00 UTC

iso = datetime.fromisoformat
NINE = iso("2030-05-02T09:00")
ZONES = ["Asia/Tokyo", "Europe/Berlin", "America/New_York", None]
NIGHT = QuietHours(start=time(20), end=time(8))
HOUR = timedelta(hours=1)


def devices(zones: list[str | None]) -> list[Device]:
    return [
        Device(n.to_bytes(12, "big"), f"t{n}", None, {"zone": zone} if zone else {}) for n, zone in enumerate(zones)
    ]


def tallied(now: datetime = NOW, local: LocalTime | None = None, **found: Any) -> Tally:
    one = send(timedelta(days=3))
    request = one.request.model_copy(update={"local": local, "ttl": 3600.0})
    there = Found(devices(found.pop("zones", ZONES)), looked_up_at=now, **found)
    return Tally(job(one.model_copy(update={"request": request, "begins_at": NOW})), there, now, 1)


def ended(part: Part) -> dict[bytes, tuple[Fate, str]]:
    return {one.device: (one.fate, one.reason) for one in part.undelivered}


def test_each_waits_for_nine_in_its_own_zone_with_its_own_deadline() -> None:
    tally = tallied(local=LocalTime(at=NINE, zone="Europe/London"))
    assert not to_send_now(tally, tally.found.devices)
    part = tally.part()
    dues = [(one.due, one.until, [int.from_bytes(device, "big") for device in one.devices]) for one in part.owed]
    midnight = NOW + 12 * HOUR
    assert dues == [
        (midnight, midnight + HOUR, [0]),
        (midnight + 7 * HOUR, midnight + 8 * HOUR, [1]),
        (midnight + 8 * HOUR, midnight + 9 * HOUR, [3]),
        (midnight + 13 * HOUR, midnight + 14 * HOUR, [2]),
    ]
    assert {(one.reason, one.stored, one.holds) for one in part.owed} == {(LOCAL, True, 1)}
    assert part.balanced()


@pytest.mark.parametrize(("passed", "now"), [("now", 3), ("skip", 0), ("next_day", 0)])
def test_zones_that_are_past_it_get_it_now_or_the_next_day_or_not_at_all(passed: Any, now: int) -> None:
    tally = tallied(local=LocalTime(at=iso("2030-05-01T09:00"), passed=passed))
    going = to_send_now(tally, tally.found.devices)
    assert len(going) == now
    part = tally.part()
    if passed == "skip":
        assert set(ended(part).values()) == {(Fate.SUPPRESSED, "zone_passed")}
        assert len(ended(part)) == 3
    elif passed == "next_day":
        assert [one.due - NOW for one in part.owed] == [HOUR, 12 * HOUR, 19 * HOUR, 21 * HOUR]
    assert min(one.due for one in part.owed) == NOW + HOUR  # New York's own nine is still to come
    if now:
        assert tally.job.send.deadline == NOW + HOUR


def test_of_a_spread_send_each_chunk_is_as_long_after_the_time_of_every_zone() -> None:
    for passed, owed in (("now", 4), ("skip", 4)):
        tally = tallied(local=LocalTime(at=NINE, passed=passed, zone="Europe/London"))
        tally.job = replace(tally.job, turn=2 * HOUR)
        assert not to_send_now(tally, tally.found.devices)
        dues = [(one.due - NOW, (one.until or NOW) - one.due) for one in tally.part().owed]
        assert dues == [(hours * HOUR, HOUR) for hours in (14, 21, 22, 27)]
        assert len(dues) == owed
    late = NOW + 3 * HOUR  # past zones are not missed, as this chunk's turn has just come
    tally = tallied(late, LocalTime(at=iso("2030-05-01T09:00")), zones=["Asia/Tokyo"])
    tally.job = replace(tally.job, turn=3 * HOUR)
    assert len(to_send_now(tally, tally.found.devices)) == 1


def test_who_moved_west_waits_on_and_who_moved_east_gets_it_at_its_turn() -> None:
    turn = NOW + 19 * HOUR  # nine in Berlin
    held = {"waited_for": LOCAL, "due": turn, "until": turn + HOUR, "holds": 1}
    tally = tallied(turn, LocalTime(at=NINE), zones=["Europe/Berlin", "Asia/Tokyo", "America/New_York"], **held)
    going = to_send_now(tally, tally.found.devices)
    assert [one.token for one in going] == ["t0", "t1"]
    assert tally.job.send.deadline == turn + HOUR
    (waits,) = tally.part().owed
    assert (waits.due, waits.until, waits.holds) == (turn + 6 * HOUR, turn + 7 * HOUR, 2)


def test_a_turn_that_nobody_was_there_for_is_missed() -> None:
    turn = NOW + 19 * HOUR
    held = {"waited_for": LOCAL, "due": turn, "until": turn + 30 * HOUR, "holds": 1}
    tally = tallied(turn + HOUR + timedelta(seconds=1), LocalTime(at=NINE), zones=["Europe/Berlin"], **held)
    assert not to_send_now(tally, tally.found.devices)
    assert set(ended(tally.part()).values()) == {(Fate.EXPIRED, "missed")}


def test_a_retry_of_what_was_tried_in_time_is_not_held_again() -> None:
    late = NOW + 30 * HOUR
    held = {"waited_for": "UNAVAILABLE", "due": late, "until": late + HOUR, "holds": 1}
    tally = tallied(late, LocalTime(at=NINE), zones=["America/New_York"], **held)
    assert len(to_send_now(tally, tally.found.devices)) == 1


def test_what_is_past_the_deadline_of_its_own_turn_expires() -> None:
    late = NOW + 30 * HOUR
    held = {"waited_for": "UNAVAILABLE", "due": late, "until": late, "holds": 1}
    tally = tallied(late, LocalTime(at=NINE), zones=["America/New_York"], **held)
    assert not to_send_now(tally, tally.found.devices)
    assert set(ended(tally.part()).values()) == {(Fate.EXPIRED, "")}


def test_quiet_hours_hold_who_sleeps_and_nobody_else() -> None:
    tally = tallied(quiet=NIGHT)  # it is 21:00 in Tokyo
    assert [one.token for one in to_send_now(tally, tally.found.devices)] == ["t1", "t2", "t3"]
    (night,) = tally.part().owed
    assert (night.due, night.reason, night.stored) == (NOW + 11 * HOUR, QUIET, True)


def test_quiet_hours_that_drop_suppress() -> None:
    tally = tallied(quiet=NIGHT.model_copy(update={"mode": "drop"}))
    assert len(to_send_now(tally, tally.found.devices)) == 3
    assert ended(tally.part()) == {(0).to_bytes(12, "big"): (Fate.SUPPRESSED, QUIET)}


def test_who_neither_has_a_time_nor_quiet_hours_is_not_looked_at() -> None:
    tally = tallied()
    assert to_send_now(tally, tally.found.devices) is tally.found.devices
