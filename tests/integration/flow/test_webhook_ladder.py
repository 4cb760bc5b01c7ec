"""Events reach a webhook that was down for three days, though their reporter is killed (SIGKILL) after every try.

A reporter process with nothing but ingest beside it, whose time scale makes the three days some seconds. Leases and
what a call may take are not scaled: a try that a kill cut short comes again after 12 s. The others go on meanwhile.
"""

import asyncio
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from services.cli.local.fleet import Fleet
from services.cli.local.servers import Broker
from services.cli.local.services import INGEST, REPORTER
from services.cli.rehearsal.keys import BUNDLE, apple_key
from shared.flow.webhook import SCHEDULE, EventKind
from shared.store.connection import Store, open_store
from shared.store.keyring import open_keyring
from tests.integration.flow.conftest import HERE, running
from tests.integration.flow.providers import Json
from tests.integration.flow.scene import until, utc
from tests.integration.reporter.hooks import Receiver, listening

pytestmark = pytest.mark.anyio
SCALE = 25_000.0
TRIES = len(SCHEDULE)
ANSWER = {"WEBHOOK_SECONDS": "4"}
STRICT = replace(REPORTER, name="reporter-strict")
"""One whose operator allows other networks: there `localhost` is a name that leads where it must not."""
EXTRA = {
    "ingest": HERE,
    "reporter": HERE | ANSWER,
    "reporter-strict": ANSWER | {"WEBHOOK_NETWORKS": "10.0.0.0/8"},
}
EVENTS = 3
LONGEST = timedelta(seconds=5)
"""More than the longest wait between two tries, less than a lease."""
FORBIDDEN = "is not a public one"
"""How what the reporter says of it ends, whether it looked the name up or knew it."""


@pytest.fixture
def alone(broker: Broker, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("ladder")
    with running(broker, mongodb_url, folder, EXTRA, SCALE, [[INGEST], [REPORTER, STRICT]]) as one:
        one.processes[STRICT.name].kill()
        yield one


@pytest.fixture
async def outbox(alone: Fleet) -> AsyncIterator[Store]:
    keyring = open_keyring(alone.site.folder / "keys" / "keyring")
    async with open_store(alone.site.mongodb_url, alone.site.database, keyring) as one:
        yield one


@dataclass
class Sick(Receiver):
    """Answers 500 until an event's tenth try, by what the outbox has counted; not at all unless `answers` is set."""

    store: Store | None = None
    hook: str = ""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    at: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def hear(self, request: Request) -> Response:
        event = request.headers["webhook-id"]
        self.heard.append((dict(request.headers), await request.body()))
        self.at[event].append(time.monotonic())
        await self.answers.wait()
        return Response(status_code=204 if (await self.owed())[event]["tries"] == TRIES - 1 else 500)

    async def owed(self) -> dict[str, Json]:
        assert self.store is not None
        found = self.store.database["outbox"].find({"webhook": self.hook})
        return {one["event"]: one async for one in found}

    async def left(self) -> dict[str, int]:
        """Events that have not come to their last try, and how many they had; not those under a dead process's lease,
        unless all are.
        """
        left = {event: one for event, one in (await self.owed()).items() if one["tries"] < TRIES - 1}
        soon = {event: one for event, one in left.items() if one["due"] < utc() + LONGEST}
        return {event: one["tries"] for event, one in (soon or left).items()}

    async def above(self, before: dict[str, int]) -> bool:
        """Whether a further try of each of these has ended."""
        owed = await self.owed()
        return all(owed[event]["tries"] > tries for event, tries in before.items())


@dataclass
class Lives:
    """One reporter process after the other, each ended by SIGKILL."""

    fleet: Fleet
    sick: Sick
    count: int = 0

    async def live(self, name: str, holds: Callable[[], Awaitable[bool] | bool]) -> None:
        """From a start until this holds, and then the kill."""
        await asyncio.to_thread(self.fleet.processes[name].start)
        await until(holds)
        await self.end(name)

    async def end(self, name: str = REPORTER.name) -> None:
        process = self.fleet.processes[name]
        await asyncio.to_thread(process.kill)
        assert process.exit_code == -signal.SIGKILL
        self.count += 1

    async def tried(self, name: str = REPORTER.name) -> None:
        """Everything that is left is tried once more, and then the process is killed."""
        before = await self.sick.left()
        await self.live(name, lambda: self.sick.above(before))

    async def cut_short(self) -> None:
        """Something is heard, and the process is killed before that is answered."""
        heard = len(self.sick.heard)
        self.sick.answers.clear()
        await self.live(REPORTER.name, lambda: len(self.sick.heard) > heard)
        self.sick.answers.set()


@dataclass
class Backend:
    http: httpx.AsyncClient
    app: str
    headers: dict[str, str]

    async def call(self, path: str, body: Json | None = None) -> Json:
        answer = await self.http.post(path, json=body, headers=self.headers)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found


@pytest.fixture
async def backend(alone: Fleet) -> AsyncIterator[Backend]:
    admin = {"authorization": f"Bearer {alone.admin_key}"}
    async with httpx.AsyncClient(base_url=alone.api, timeout=20) as http:
        app = (await http.post("/v1/apps", json={"name": "Bells"}, headers=admin)).json()
        key = await asyncio.to_thread(apple_key)
        said = {"environment": "production", "topic": BUNDLE, "key": key.p8, "key_id": key.key_id}
        variant = {"platform": "apns", "name": "iOS", "settings": said | {"team_id": key.team_id}}
        made = await http.post(f"/v1/apps/{app['id']}/variants", json=variant, headers=admin)
        assert made.is_success, made.text
        yield Backend(http, app["id"], {"authorization": f"Bearer {app['app_secret']}"})


async def paused(backend: Backend, well: Receiver) -> str:
    """A send that was paused so many times, each of which arrived where all is well."""
    at = (utc() + timedelta(days=1)).isoformat()
    later = {"audience": {"everyone": True}, "message": {"title": "Ding"}, "send_at": at}
    send = str((await backend.call("/v1/sends", later))["id"])
    for number in range(1, EVENTS + 1):
        await backend.call(f"/v1/sends/{send}:pause")
        await until(lambda number=number: len(set(well.ids)) == number)  # type: ignore[misc]
        await backend.call(f"/v1/sends/{send}:resume")
    return send


async def test_every_event_arrives_after_three_days_of_kills_and_the_address_is_checked_at_each_try(
    alone: Fleet, outbox: Store, backend: Backend
) -> None:
    sick, well = Sick(store=outbox), Receiver()
    async with listening(sick), listening(well):
        made = await backend.call("/v1/webhooks", {"url": well.url, "events": ["send.paused"]})
        url = sick.url.replace("127.0.0.1", "localhost")
        hook, secret = await outbox.webhooks.create(backend.app, url, [EventKind.SEND_PAUSED], 0.1, utc())
        sick.hook = hook.id
        send = await paused(backend, well)  # meanwhile the first waits for the sick one's answer
        lives = Lives(alone, sick)
        await lives.end()
        sick.answers.set()
        await lives.tried()
        before, heard = await sick.left(), len(sick.heard)
        await lives.tried(STRICT.name)
        assert len(sick.heard) == heard
        owed = await sick.owed()
        assert all(owed[event]["last"]["error"].endswith(FORBIDDEN) for event in before), owed
        await lives.cut_short()
        while await sick.left():
            await lives.tried()
        await asyncio.to_thread(alone.processes[REPORTER.name].start)
        await until(lambda: everything_is(sick, "done"))
    owed = await sick.owed()
    assert lives.count > TRIES // 2  # where the machine stalls, several tries fall into one life
    assert sorted(one["sequence"] for one in owed.values()) == list(range(1, EVENTS + 1))
    assert {(one["send"], one["tries"], one["last"]["status"]) for one in owed.values()} == {(send, TRIES, 204)}
    assert set(sick.ids) == set(owed) == set(well.ids)
    assert all(sick.verified(secret, n) for n in range(len(sick.heard)))
    assert all(well.verified(str(made["secret"]), n) for n in range(len(well.heard)))
    for times in sick.at.values():
        assert timedelta(seconds=times[-1] - times[0]) * SCALE > timedelta(days=2.8)


async def everything_is(sick: Sick, state: str) -> bool:
    return {one["state"] for one in (await sick.owed()).values()} == {state}
