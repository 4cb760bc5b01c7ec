"""When two workers closed the same chunk: which devices ended differently is a conflict, and what is none."""

from services.delivery.conflicts import conflicting
from services.delivery.retry import Ended, Later
from services.delivery.tally import Tally
from shared.flow.record import Part
from shared.flow.verdict import DelayRule, Delivered, Fate, Rejected, Retry, Unregistered, Verdict
from tests.unit.delivery.chunks import NOW, device, found, job, send
from tests.unit.delivery.test_tally import SECOND

OK = (Delivered(), Ended(Fate.DELIVERED))
DEAD = (Unregistered("Unregistered"), Ended(Fate.UNREGISTERED, "Unregistered"))
BAD = (Rejected("BadDeviceToken"), Ended(Fate.REJECTED, "BadDeviceToken"))
UNKNOWN = (Retry("timeout", DelayRule.NETWORK), Ended(Fate.FAILED, "unknown_outcome"))
OWED = (Retry("503", DelayRule.APNS_5XX), Later(SECOND, "503"))


def part(*decided: tuple[Verdict, Ended | Later]) -> Part:
    tally = Tally(job(send()), found(len(decided)), NOW, 1)
    for number, (verdict, decision) in enumerate(decided):
        tally.add(device(number), verdict, decision)
    return tally.part()


def test_the_same_verdicts_are_no_conflict() -> None:
    assert conflicting(part(OK, DEAD, BAD), part(OK, DEAD, BAD)) == 0


def test_every_device_that_ended_in_two_ways_is_one_conflict() -> None:
    assert conflicting(part(OK, DEAD, BAD, OK), part(DEAD, OK, DEAD, OK)) == 3


def test_it_does_not_matter_who_won() -> None:
    one, other = part(OK, DEAD, OWED, UNKNOWN), part(DEAD, BAD, OK, OK)
    assert conflicting(one, other) == conflicting(other, one) == 2


def test_failed_on_either_side_is_no_conflict_because_nobody_knew() -> None:
    assert conflicting(part(UNKNOWN, OK, UNKNOWN), part(OK, UNKNOWN, DEAD)) == 0


def test_what_is_owed_on_either_side_is_not_terminal_there() -> None:
    assert conflicting(part(OWED, OK, OWED), part(OK, OWED, DEAD)) == 0
