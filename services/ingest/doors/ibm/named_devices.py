"""Finds the devices that a message names in its app's words."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from services.ingest.desk import Desk
from services.ingest.doors.ibm.mapping import Known
from services.ingest.doors.ibm.refusing import MISSING, Coded
from services.ingest.doors.ibm.request import PushMessage
from services.ingest.doors.ibm.variants import ids_of
from shared.flow.accept import RouteTarget
from shared.flow.send import Problem

AT_ONCE: Final = 5000
"""Ids in one question to the store."""


async def known_by_name(desk: Desk, app: str, targets: Sequence[RouteTarget], one: PushMessage) -> Known:
    """Our ids by theirs; who is not registered gets an id that nobody has. Raises `Refused` if it is to validate."""
    names = (one.target and one.target.device_ids) or ()
    possible = {name: ids_of(name, targets) for name in names}
    there: set[bytes] = set()
    every = [id_ for ids in possible.values() for id_ in ids]
    for n in range(0, len(every), AT_ONCE):
        there |= await desk.store.devices.known(app, every[n : n + AT_ONCE])
    if one.validate_:
        _check(names, {name for name, ids in possible.items() if not there.intersection(ids)})
    return {
        name: [id_.hex() for id_ in ids if id_ in there] or [id_.hex() for id_ in ids[:1]]
        for name, ids in possible.items()
    }


def _check(names: Sequence[str], strangers: set[str]) -> None:
    errors = tuple(
        Problem(pointer=f"/target/deviceIds/{n}", detail="the app has no such device")
        for n, name in enumerate(names)
        if name in strangers
    )
    if errors:
        detail = f"{errors[0].pointer}: {errors[0].detail}"
        raise Coded(HTTPStatus.NOT_FOUND, MISSING, detail, errors[:100])
