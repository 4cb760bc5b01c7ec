"""Shows a message as one device would get it, over HTTP and AMQP alike; nothing is sent."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.flow.device import Device
from shared.flow.message import Message
from shared.flow.moment import whole_milliseconds
from shared.flow.preview import Preview, PreviewView
from shared.flow.send import Problem
from shared.providers.contract import Context, Refusal
from shared.providers.localized import prepared
from shared.providers.registry import check_message, provider
from shared.refusal import Unacceptable
from shared.roster import Roster, Rosters
from shared.runtime.clock import Time
from shared.store.connection import Store

KEY: Final = "preview.preview"
"""Stands for the key of a send."""
LASTS: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Previewing:
    """Lives as long as the process, or as one request."""

    store: Store
    rosters: Rosters
    clock: Time

    async def of(self, app: str, wanted: Preview) -> PreviewView:
        """What the provider would be sent. Raises `Unacceptable`."""
        message = wanted.message
        if wanted.template is not None:
            stored = await self.store.templates.get(app, wanted.template.name, wanted.template.version)
            if stored is None:
                raise _wrong("/template", "the app has no such template, or no such version of it")
            message = stored.message
        assert message is not None  # noqa: S101  # the model asks for one of them
        await self.check(app, message)
        found = await self.store.devices.get(app, bytes.fromhex(wanted.device))
        if found is None:
            raise _wrong("/device", "the app has no such device")
        return await self._rendered(app, message, found, wanted.values)

    async def check(self, app: str, message: Message) -> None:
        """Against every variant of the app. Raises `Unacceptable` with all that is wrong."""
        roster = await self.rosters.of(app, fresh=True)
        platforms = {one.platform for one in roster.targets}
        problems = check_message(message, {name: _settings(roster, name) for name in platforms})
        if problems:
            raise Unacceptable([Problem(pointer=f"/message{one.pointer}", detail=one.detail) for one in problems])

    async def _rendered(
        self, app: str, message: Message, found: dict[str, Any], values: dict[str, Any] | None
    ) -> PreviewView:
        roster = await self.rosters.of(app)
        target = next((one for one in roster.targets if one.variant == found["variant"]), None)
        if target is None or target.settings is None:
            raise _wrong("/device", "its variant cannot be sent for")
        now = whole_milliseconds(self.clock.now())
        context = Context(KEY, KEY, now + LASTS, now, variant=target.variant)
        ready = prepared(provider(target.platform), message, target.settings, context)
        device = Device(found["_id"], found["token"], found.get("user"), {**found, "values": values or {}})
        made = ready.requests([device]).only()
        if isinstance(made, Refusal):
            raise _wrong("/device", f"cannot get this: {made.reason}: {made.detail}")
        payload = json.loads(made.body)
        payload.get("message", {}).pop("token", None)
        return PreviewView(
            platform=target.platform, variant=target.variant, headers=dict(ready.headers), payload=payload
        )


def _settings(roster: Roster, platform: str) -> list[Any]:
    return [one.settings for one in roster.targets if one.platform == platform and one.settings is not None]


def _wrong(pointer: str, detail: str) -> Unacceptable:
    return Unacceptable([Problem(pointer=pointer, detail=detail)])
