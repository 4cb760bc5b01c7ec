"""Finds the devices of chunks: a range of the registry, named recipients, or what a record still owes.

Jobs of one bundle that ask the same kind of question are asked together: one query for all of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.delivery.job import Found, Job
from services.delivery.left_out import LeftOut
from services.delivery.screening import screened_by, screens, sorted_out
from shared.flow.device import Device
from shared.flow.identity import device_id
from shared.flow.plan import ListRange, ShardRange
from shared.flow.policy import QuietHours
from shared.flow.record import Owed, Part
from shared.in_force import InForce
from shared.runtime.clock import Clock
from shared.store.connection import Store
from shared.templates.places import uses
from shared.templates.variables import personal, stored_fields

GONE = "gone"
REASSIGNED = "reassigned"


class Lookup:
    """The registry as chunks ask for it. Stateless; may be shared."""

    def __init__(self, store: Store, clock: Clock, in_force: InForce) -> None:
        self._store = store
        self._clock = clock
        self._left_out = LeftOut(store)
        self._in_force = in_force

    async def find(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """The devices of each job, by member. A retry whose parent is not visible is left out."""
        quiet = {one.member: hours for one in jobs if (hours := self._quiet(one)) is not None}
        found = await self._find(jobs, {one.member: _also(one, zone=one.member in quiet) for one in jobs})
        if not quiet:
            return found
        return found | {
            member: replace(found[member], quiet=hours) for member, hours in quiet.items() if member in found
        }

    def _quiet(self, job: Job) -> QuietHours | None:
        policy = None if job.send.request.critical else self._in_force.policy(job.send.app)
        return policy.quiet_hours if policy is not None else None

    async def _find(self, jobs: Sequence[Job], also: Mapping[str, frozenset[str]]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        together: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
        parents = await self._parents(jobs)
        for one in jobs:
            if one.parent is not None:
                if one.parent[0] in parents:
                    found[one.member] = await self._owed(one, parents[one.parent[0]], also[one.member])
            elif self._simple_users(one):
                together[one.send.app, one.route.variant, "users"].append(one)
            else:
                found[one.member] = await self._first(one, also[one.member])
        for (app, variant, _), group in together.items():
            together_also = frozenset().union(*(also[one.member] for one in group))
            found.update(await self._users_together(app, variant, group, together_also))
        for one in jobs:
            if screens(one.send) and one.member in found:
                found[one.member] = await self._screened(one, found[one.member])
            if one.send.personal and one.member in found:
                found[one.member] = await self._personal(one, found[one.member])
        return found

    async def _screened(self, job: Job, found: Found) -> Found:
        """Without whom the send leaves out; on a retry, too: who opted out meanwhile gets no more."""
        kept, left_out = sorted_out(found.devices, await self._left_out.of(job.send))
        return replace(found, devices=kept, suppressed=found.suppressed + left_out) if left_out else found

    async def _personal(self, job: Job, found: Found) -> Found:
        """With what the send says of each recipient beside what the registry does."""
        if not isinstance(job.where, ListRange):
            return found
        values = await self._store.lists.values(job.send, job.where)
        return replace(found, devices=[personal(device, values) for device in found.devices])

    @staticmethod
    def _simple_users(job: Job) -> bool:
        audience = job.send.request.audience
        return audience.users is not None and job.send.small and not audience.narrowed

    async def _parents(self, jobs: Sequence[Job]) -> dict[str, Part]:
        members = [job.parent[0] for job in jobs if job.parent is not None]
        return await self._store.records.parts(members) if members else {}

    async def _users_together(self, app: str, variant: str, jobs: list[Job], also: frozenset[str]) -> dict[str, Found]:
        """One query for the users of many small sends; a device belongs to every send that names its user."""
        at = self._clock.now()
        users = {user for job in jobs for user in job.send.request.audience.users or ()}
        devices: dict[str | None, list[Device]] = defaultdict(list)
        for device in await self._store.devices.of_users(app, variant, sorted(users), None, also):
            devices[device.user].append(device)
        return {
            job.member: Found(
                [device for user in job.send.request.audience.users or () for device in devices[user]], looked_up_at=at
            )
            for job in jobs
        }

    async def _first(self, job: Job, also: frozenset[str]) -> Found:
        at = self._clock.now()
        return Found(await self._devices(job, also), looked_up_at=at)

    async def _devices(self, job: Job, also: frozenset[str]) -> list[Device]:
        app, variant, audience = job.send.app, job.route.variant, job.send.request.audience
        if isinstance(job.where, ShardRange):
            return await self._store.devices.in_range(app, variant, job.where, audience, also, job.route.look)
        if audience.provider_kept is not None:
            kind, target = audience.provider_kept
            return [Device(device_id(variant, f"{kind}:{target}"), target)]
        names = await self._store.lists.named(job.send, variant, job.where)
        if audience.tokens is not None:
            known = await self._store.devices.by_token(app, variant, names, also)
            return [known.get(token) or Device(_unregistered(variant, token), token) for token in names]
        if audience.users is not None:
            return await self._store.devices.of_users(app, variant, names, audience, also)
        ids = [bytes.fromhex(name) for name in names]
        return await self._store.devices.by_id(app, variant, ids, audience, also=also)

    async def _owed(self, job: Job, parent: Part, also: frozenset[str]) -> Found:
        """Every device that the parent record lists: to be sent to, or suppressed because it is gone or another's."""
        at = self._clock.now()
        step = job.parent[1] if job.parent else -1
        debt = next((debt for debt in parent.owed if debt.step == step), None)
        owed = debt.devices if debt else ()
        said = _said(debt) if debt else {}
        app, variant, audience = job.send.app, job.route.variant, job.send.request.audience
        if audience.tokens is not None or audience.provider_kept is not None:
            devices = self._by_any_id(owed, variant, await self._devices(job, also))
        else:
            users = None
            if audience.users is not None and isinstance(job.where, ListRange):
                users = await self._store.lists.named(job.send, variant, job.where)
            devices = await self._store.devices.by_id(app, variant, owed, users=users, also=also)
        missing = set(owed) - {device.id for device in devices}
        if not missing:
            return Found(devices, looked_up_at=at, **said)
        still = await self._store.devices.registered(app, variant, list(missing))
        suppressed = [(device, REASSIGNED if device in still else GONE) for device in sorted(missing)]
        return Found(devices, suppressed, looked_up_at=at, **said)

    @staticmethod
    def _by_any_id(owed: Sequence[bytes], variant: str, devices: Sequence[Device]) -> list[Device]:
        """Devices of raw tokens by the ids that a record lists; one may have been registered or removed since."""
        known = {device.id: device for device in devices}
        known |= {_unregistered(variant, device.token): device for device in devices if device.id not in owed}
        return [known[device]._replace(id=device) for device in owed if device in known]


def _also(job: Job, *, zone: bool) -> frozenset[str]:
    """What its message uses of a registration, to say it and to choose the language; what decides who is left out; and
    its zone if that matters.
    """
    used = _used(job)
    return used | {"zone"} if zone or job.send.request.local is not None else used


def _used(job: Job) -> frozenset[str]:
    """In whatever language."""
    message, platform, decides = job.send.request.message, job.route.platform, screened_by(job.send)
    if not message.localized:
        return stored_fields(uses(message, platform)) | decides if message.template else decides
    said = [message, *map(message.translated, message.translations)] if message.template else ()
    return (decides | {"locale"}).union(*(stored_fields(uses(one, platform)) for one in said))


def _unregistered(variant: str, token: str) -> bytes:
    """The id of a raw token that nobody has registered: the one that it would be registered under."""
    return device_id(variant, f"t:{token}")


def _said(debt: Owed) -> dict[str, Any]:
    """What a record says of the devices that it owes."""
    return {
        "unknown": debt.unknown, "until": debt.until, "holds": debt.holds, "waited_for": debt.reason, "due": debt.due,
    }  # fmt: skip
