"""What a slice does, with the devices in memory: the same jobs through the same `Attempts` as production."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, cast

from services.cli.rehearsal.keys import BUNDLE, AppleKey
from services.delivery import authorization, parking, rounds
from services.delivery.attempt import Attempts
from services.delivery.authorization import Authorizer
from services.delivery.capping import Capping
from services.delivery.catalog import Catalog
from services.delivery.job import Found, Job
from services.delivery.pacing import Pacing
from services.delivery.parking import Parking
from services.delivery.routes import Routes
from services.delivery.transport.contract import Transport
from shared.flow.audience import Audience
from shared.flow.device import Device
from shared.flow.identity import device_id, member_id, new_id, new_send_id, send_key, slice_id
from shared.flow.lane import Lane
from shared.flow.message import Message
from shared.flow.plan import CHUNK_SIZE, CHUNKS_IN_A_SLICE, PlannedRoute, ShardRange
from shared.flow.send import Route, Send, SendRequest
from shared.flow.verdict import NotProcessed, Outcome
from shared.providers.apns import payload
from shared.providers.apns.payload import PreparedApns
from shared.providers.apns.provider import Apns
from shared.providers.apns.settings import ApnsEndpoints, ApnsSettings
from shared.providers.contract import Context, Form, Headers, Made, Provider, Requests
from shared.runtime.clock import Clock
from shared.runtime.life import Life
from shared.runtime.metrics import Metrics
from shared.store.connection import Store
from shared.store.variants import Variant

TEXT: Final = "Come to the square by the old tower at noon and listen; the carillon plays for an hour. " * 2
MESSAGE: Final = Message(
    title="The bells ring at noon",
    body=TEXT.strip(),
    badge=1,
    sound="default",
    data={"campaign": "noon", "to": "0" * 16},
)
"""About 370 bytes as a payload, the size that the other measurements of this project were made with."""
PLACE: Final = b"0" * 16
"""Where in the payload each device's own text goes."""
TTL: Final = timedelta(hours=24)


class Each(Apns):
    """APNs with a payload of each device's own, made the cheapest way there is: what remains is what sending costs."""

    def prepare(self, message: Message, settings: ApnsSettings, context: Context) -> "PreparedEach":
        return PreparedEach(payload.prepare(message, settings, context))


@dataclass(frozen=True, slots=True)
class PreparedEach:
    """`same` is the message as it is for all."""

    same: PreparedApns

    @property
    def headers(self) -> Headers:
        return self.same.headers

    @property
    def aside(self) -> bool:
        return self.same.aside

    def requests(self, devices: Sequence[Device]) -> Made:
        made = self.same.requests(devices)
        before, after = self.same.body.split(PLACE)
        bodies = [b"%b%b%b" % (before, device.token[:16].encode(), after) for device in made.devices]
        one = made.requests
        return Made(Requests(one.count, one.paths, bodies, one.ids, one.id_header), made.devices, made.refused)


def settings(apple: AppleKey) -> ApnsSettings:
    """A variant's settings for this key."""
    return ApnsSettings(
        environment="production", topic=BUNDLE, key=apple.p8, key_id=apple.key_id, team_id=apple.team_id
    )


def token(salt: str, number: int) -> str:
    """A device token: 64 hexadecimal digits that look random, the same for the same number."""
    return hashlib.blake2b(f"{salt}|{number}".encode(), digest_size=32).hexdigest()


class Campaign:
    """One send to devices that nobody stored. Lives as long as its run."""

    def __init__(self, apple: AppleKey) -> None:
        now = datetime.now(UTC)
        app, variant = new_id("a"), new_id("v")
        self.variant = Variant(variant, app, "apns", "bench", 1, now, settings(apple).model_dump(), frozenset())
        self.send = Send(
            key=send_key(app, new_send_id()),
            app=app,
            request=SendRequest(audience=Audience(everyone=True), message=MESSAGE),
            lane=Lane.BULK,
            routes=(Route(variant=variant, platform="apns"),),
            small=False,
            accepted_at=now,
            deadline=now + TTL,
        )

    def work(self, count: int, salt: str) -> Iterator[tuple[Job, Found]]:
        """Chunks of this many devices in all; none is met twice."""
        chunks = -(-count // CHUNK_SIZE)
        slices = -(-chunks // CHUNKS_IN_A_SLICE)
        route = PlannedRoute(
            variant=self.variant.id, platform="apns", bounds=(0,) * (slices + 1), chunks=(CHUNKS_IN_A_SLICE,) * slices
        )
        for number in range(chunks):
            slice_ = slice_id(self.send.key, 0, number // CHUNKS_IN_A_SLICE)
            member = member_id(slice_, number % CHUNKS_IN_A_SLICE)
            first = number * CHUNK_SIZE
            tokens = [token(salt, n) for n in range(first, min(count, first + CHUNK_SIZE))]
            devices = [Device(device_id(self.variant.id, f"t:{one}"), one) for one in tokens]
            yield Job(member, self.send, route, ShardRange(0, 0)), Found(devices)


def attempts(campaign: Campaign, transport: Transport, address: str, *, own: bool) -> Attempts:
    """As the wiring of a delivery process makes them; only the store is a stand-in."""
    speaks = cast(Provider[Any, Any], Each() if own else Apns())
    store = cast(
        Store,
        SimpleNamespace(
            variants=_Variants(campaign.variant), authorizations=_Authorizations(), parking=SimpleNamespace(of=_none)
        ),
    )
    endpoints = ApnsEndpoints(apns_production_url=f"https://{address}")
    clock, metrics = Clock(_now), Metrics()
    authorizer = Authorizer(authorization.Wiring(store, speaks, endpoints, _nobody, clock, metrics, owner="bench"))
    catalog = Catalog(store, speaks)
    parked = Parking(parking.Wiring("apns", store, catalog, clock, metrics))
    routes = Routes("apns", clock, metrics, random.Random(1))
    pacing = Pacing(transport, store, clock, Life(TTL))
    return Attempts(
        rounds.Wiring(
            speaks, endpoints, pacing, catalog, authorizer, clock, metrics, 1, random.Random(1), parked, routes,
            Capping(cast("Any", None), clock),  # nothing here has a cap
        )
    )  # fmt: skip


class _Variants:
    def __init__(self, variant: Variant) -> None:
        self._variant = variant

    async def get(self, app: str, variant: str) -> Variant:
        del app, variant
        return self._variant


class _Authorizations:
    """Nothing is shared: this process makes its own."""

    async def get(self, identity: str) -> dict[str, Any] | None:
        del identity
        return None

    async def lease(self, identity: str, owner: str, now: datetime, length: timedelta) -> bool:
        del identity, owner, now, length
        return True

    async def put(self, identity: str, value: str, times: dict[str, datetime]) -> None:
        del identity, value, times


async def _none(variants: Iterable[str]) -> dict[str, Any]:
    """Nothing is parked."""
    del variants
    return {}


async def _now() -> datetime:
    return datetime.now(UTC)


async def _nobody(form: Form) -> Outcome:
    del form
    return NotProcessed("nobody")
