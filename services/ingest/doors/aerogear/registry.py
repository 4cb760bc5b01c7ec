"""`/rest/registry/device`: an app registers and unregisters its device, and a script brings many."""

import asyncio
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import Final

from services.ingest.call import Call, Reply
from services.ingest.desk import Desk
from services.ingest.doors.aerogear.credentials import variant_of
from services.ingest.doors.aerogear.installation import (
    NAMES,
    Category,
    Imported,
    ImportedFile,
    Installation,
    Registered,
    spelled,
)
from services.ingest.doors.aerogear.request import EmptyAnswer
from services.ingest.problems import invalid, missing
from shared.flow.send import Problem
from shared.providers.registry import provider
from shared.store.bulk_plan import Line
from shared.store.devices import Registration

OLD_TOKEN: Final = "x-ag-old-token"  # noqa: S105  # a header's name
"""The token that the device had before, as the Android library says it."""
TOGETHER: Final = 2000
"""Installations that are written by one command."""


async def register(desk: Desk, call: Call) -> Reply:
    """Registers a device, or registers it again."""
    variant, platform = await variant_of(desk, call)
    new: Installation = call.body
    token = _token(new.device_token, platform)
    if token is None:
        raise invalid([Problem(pointer="/deviceToken", detail=f"no token of {NAMES.get(platform, platform)}")])
    before = await _before(desk, call, variant, platform, token)
    profile = new.said()
    if before is None or not await desk.store.devices.update(call.app, before, profile, token, desk.now()):
        registration = Registration(call.app, variant, platform, token, None, profile)
        before, _ = await desk.store.devices.register(registration, desk.now())
    return Reply(HTTPStatus.OK, _answer(before, new, platform))


async def unregister(desk: Desk, call: Call) -> Reply:
    """Removes a device, by its token."""
    variant, platform = await variant_of(desk, call)
    device = await _known(desk, call.app, variant, _token(call.path["token"], platform))
    if device is None or not await desk.store.devices.delete(call.app, device):
        raise missing("the variant has no device with this token")
    return Reply(HTTPStatus.NO_CONTENT)


async def bring(desk: Desk, call: Call) -> Reply:
    """Registers many, who are not known yet: all of the file, or, if one is wrong, none."""
    variant, platform = await variant_of(desk, call)
    file: ImportedFile = call.body
    new, wrong = dict[str, Imported](), list[Problem]()
    for n, one in enumerate(file.root):
        if n % TOGETHER == 0:
            await asyncio.sleep(0)  # a long file holds up no other request
        if not one.device_token or one.enabled is False:
            continue
        if token := _token(one.device_token, platform):
            new.setdefault(token, one)
        else:
            wrong.append(Problem(pointer=f"/{n}/deviceToken", detail=f"no token of {NAMES.get(platform, platform)}"))
    if wrong:
        raise invalid(wrong[:100])
    now = desk.now()
    for some in _portions(new):
        known = await desk.store.devices.by_token(call.app, variant, some)
        lines = [
            Line(Registration(call.app, variant, platform, token, None, new[token].said()), now)
            for token in some
            if token not in known
        ]
        if lines:
            await desk.store.bulk.register(lines)
    return Reply(HTTPStatus.OK, EmptyAnswer())


async def _before(desk: Desk, call: Call, variant: str, platform: str, token: str) -> bytes | None:
    """The device that had another token until now: it stays the same device."""
    old = _token(call.headers.get(OLD_TOKEN, ""), platform)
    return None if old in (None, token) else await _known(desk, call.app, variant, old)


async def _known(desk: Desk, app: str, variant: str, token: str | None) -> bytes | None:
    found = await desk.store.devices.by_token(app, variant, [token]) if token else {}
    return found[token].id if token in found else None


def _token(token: str, platform: str) -> str | None:
    """In the one spelling that it is stored in."""
    found = spelled(token, platform)
    return None if found is None else provider(platform).canonical(found)


def _portions(tokens: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(tokens)
    while some := list(islice(rest, TOGETHER)):
        yield some


def _answer(device: bytes, new: Installation, platform: str) -> Registered:
    return Registered(
        id=device.hex(),
        device_token=new.device_token,
        device_type=new.device_type,
        operating_system=new.operating_system,
        os_version=new.os_version,
        alias=new.alias,
        categories=tuple(Category(name=one) for one in new.categories),
        platform=NAMES.get(platform, platform),
    )
