"""Sends, jobs and devices for the pure tests of delivery."""

from datetime import UTC, datetime, timedelta

from services.delivery.job import Found, Job
from shared.flow.audience import Audience
from shared.flow.device import Device
from shared.flow.identity import member_id, slice_id
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import PlannedRoute, ShardRange
from shared.flow.send import Duplicates, Route, Send, SendRequest

NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)
"""To come: where a real store takes part, it deletes by its own clock what is over."""
ROUTE = PlannedRoute(variant="v1", platform="apns", bounds=(0, 1000), chunks=(4,))


def send(ttl: timedelta = timedelta(hours=24), duplicates: Duplicates = Duplicates.COLLAPSE) -> Send:
    request = SendRequest(audience=Audience(everyone=True), message=Message(title="Ding"), duplicates=duplicates)
    routes = (Route(variant="v1", platform="apns"),)
    return Send(
        key="app.send0001", app="app", request=request, lane=Lane.BULK, routes=routes, small=False, accepted_at=NOW,
        deadline=NOW + ttl,
    )  # fmt: skip


def job(one: Send, chunk: int = 0) -> Job:
    return Job(member_id(slice_id(one.key, 0, 0), chunk), one, ROUTE, ShardRange(0, 250))


def device(number: int) -> Device:
    return Device(number.to_bytes(12, "big"), f"token-{number}")


def found(count: int, suppressed: int = 0, *, unknown: bool = False) -> Found:
    devices = [device(number) for number in range(count)]
    gone = [((count + number).to_bytes(12, "big"), "gone") for number in range(suppressed)]
    return Found(devices, gone, looked_up_at=NOW, unknown=unknown)
