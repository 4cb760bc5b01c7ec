"""Firebase as a provider of the simulator: one port, its registry, and what else the control port reaches."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.routing import BaseRoute

from services.simulator.certificates import Authority
from services.simulator.dial import Dial
from services.simulator.fcm.control import routes
from services.simulator.fcm.installation import Installation, State
from services.simulator.fcm.knobs import FcmKnobs, FcmStep
from services.simulator.fcm.rules import Rules
from services.simulator.fcm.world import World
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger
from services.simulator.provider import Listener

ALPN = ("h2", "http/1.1")


class TokenChange(BaseModel):
    """What can be changed of one token or FID; what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State | None = None
    online: bool | None = None
    doze: bool | None = None
    last_seen: float | None = None
    fid_state: str | None = None
    project: str | None = None
    package: str | None = None
    app_id: str | None = None
    script: tuple[FcmStep, ...] | None = None


class Fcm:
    """See `services.simulator.provider.Provider`."""

    name = "fcm"
    authority: Authority | None = None

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.dial: Dial[FcmKnobs] = Dial(FcmKnobs())
        self.world = World(self.dial, clock, ledger)
        self.listeners: Sequence[Listener] = (Listener("fcm", Rules(self.world), ALPN, http1=True),)

    def import_tokens(self, entries: Sequence[Mapping[str, Any]]) -> int:
        """All or none: every entry is read before the first is put in. A `script` may come with an entry."""
        read = [(_installation(entry), _script(entry)) for entry in entries]
        for installation, script in read:
            self.world.registry.put(installation, self.world.now())
            if script:
                self.world.scripts.put(installation.key, script)
        return len(read)

    def export_tokens(self) -> list[dict[str, Any]]:
        return [self._shown(installation) for installation in self.world.registry.all()]

    def change_token(self, token: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Any token may have a script, a registered one may change. Raises KeyError for what is not registered."""
        wanted = TokenChange.model_validate(change)
        if wanted.script is not None:
            self.world.scripts.put(token, wanted.script)
        found = self.world.registry.find(token)
        changes = wanted.model_dump(exclude_none=True, exclude={"script"})
        if found is None:
            if changes or wanted.script is None:
                raise KeyError(token)
            return {"token": token, "script": self.world.scripts.left(token)}
        changed = Installation.model_validate(found.model_dump() | changes)
        kept = self.world.registry.put(changed, self.world.now())
        self.world.devices.presence(kept, self.world.now())
        return self._shown(kept)

    def reset(self) -> None:
        self.world.forget()

    def clock_moved(self) -> None:
        self.world.catch_up()

    def routes(self) -> Sequence[BaseRoute]:
        return routes(self.world)

    def _shown(self, installation: Installation) -> dict[str, Any]:
        told = installation.model_dump(mode="json", exclude_none=True)
        told["topics"] = sorted(installation.topics)
        script = self.world.scripts.left(installation.key)
        return told | ({"script": script} if script else {})


def build(ledger: Ledger, clock: Clock) -> Fcm:
    return Fcm(ledger, clock)


def _installation(entry: Mapping[str, Any]) -> Installation:
    return Installation.model_validate({name: value for name, value in entry.items() if name != "script"})


def _script(entry: Mapping[str, Any]) -> list[FcmStep]:
    return [FcmStep.model_validate(step) for step in entry.get("script") or ()]
