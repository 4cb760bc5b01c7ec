"""The simulated providers with one device each that answers as table E.1 says: in their own words if they have them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.delivery.transport.contract import Parcel
from shared.flow.verdict import Answer
from shared.providers.contract import Origin
from tests.integration.simulator import apns_rig
from tests.integration.simulator.fcm.running import PROJECT, running_firebase
from tests.integration.transport.carriers import TOKEN, apns_parcel, fcm_parcel
from tests.unit.providers.table_e1 import APNS_ERROR, FCM_ERROR, HTML

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is in order, and how often the provider has been asked."""

    parcel: Parcel
    times: Callable[[], int]


@asynccontextmanager
async def simulated(platform: str, answer: Answer, ca_file: Path) -> AsyncIterator[Asked]:
    """One device whose next answer is this one; `ca_file` is what a client must trust."""
    async with _apns(answer, ca_file) if platform == "apns" else _fcm(answer, ca_file) as asked:
        yield asked


@asynccontextmanager
async def _apns(answer: Answer, ca_file: Path) -> AsyncIterator[Asked]:
    async with apns_rig.rigged(ca_file.parent) as rig:
        rig.authority.write(ca_file)
        rig.register(TOKEN, script=[apns_step(answer)])
        origin = Origin("localhost", rig.servers["apns.production"].port, "team")
        parcel = apns_parcel(origin, (("authorization", f"bearer {apns_rig.SIGNER.jwt()}"),))
        yield Asked(parcel, lambda: len(rig.requests()))


@asynccontextmanager
async def _fcm(answer: Answer, ca_file: Path) -> AsyncIterator[Asked]:
    async with running_firebase() as firebase:
        firebase.authority.write(ca_file)
        token = firebase.device("t", script=[fcm_step(answer)])
        origin = Origin("localhost", firebase.port, "project")
        parcel = fcm_parcel(origin, (("authorization", f"Bearer {firebase.bearer}"),), token, PROJECT)
        yield Asked(parcel, lambda: len(firebase.logged(path=f"/v1/projects/{PROJECT}/messages:send")))


def apns_step(answer: Answer) -> Step:
    """What Apple would not say is said word for word, by somebody in between."""
    said = _object(answer.body)
    if answer.status == 200 and not answer.body:
        return {}
    if "reason" in said and isinstance(said.get("timestamp", 0), int):
        return {"status": answer.status, **said}
    return {"status": answer.status, "body": answer.body.decode()}


def fcm_step(answer: Answer) -> Step:
    """The same for Google."""
    if answer.status == 200 and _object(answer.body):
        return {}
    error = _object(answer.body).get("error", {})
    details = {one["@type"]: one for one in error.get("details", ())}
    if not error or details.keys() - {FCM_ERROR, APNS_ERROR}:
        googles = answer.body == HTML and answer.status >= 400
        return {"status": answer.status, **({"html": True} if googles else {"body": answer.body.decode()})}
    apple = details.get(APNS_ERROR)
    return {
        "status": answer.status,
        "state": error["status"],
        "message": error["message"],
        "reason": details.get(FCM_ERROR, {}).get("errorCode", ""),
        "retry_after": answer.headers.get("retry-after"),
        "apns": apple and {"status": apple["statusCode"], "reason": apple["reason"]},
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
