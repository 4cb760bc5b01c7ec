"""Simulated APNs as wiring and the control port see it: four ports, two registries, one ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.simulator.apns.authentication import Desk
from services.simulator.apns.keys import Key, Keys
from services.simulator.apns.knobs import ApnsKnobs
from services.simulator.apns.manage import ManageHandler
from services.simulator.apns.registry import Token, changed
from services.simulator.apns.send import SendHandler
from services.simulator.apns.site import Site
from services.simulator.apns.storage import Storage
from services.simulator.dial import Dial, Scripts
from services.simulator.knobs import Clock, Step
from services.simulator.ledger import Ledger
from services.simulator.provider import Listener, Provider

ENVIRONMENTS: tuple[Literal["production"], Literal["sandbox"]] = ("production", "sandbox")


class CertificateWanted(BaseModel):
    """What a client certificate is to be for; Apple's universal ones are for both environments."""

    model_config = ConfigDict(extra="forbid")

    bundle: str
    environments: tuple[Literal["production", "sandbox"], ...] = ENVIRONMENTS
    topics: tuple[str, ...] = ()


class ChannelWanted(BaseModel):
    """A broadcast channel to be made."""

    model_config = ConfigDict(extra="forbid")

    bundle: str
    environment: Literal["production", "sandbox"] = "production"
    policy: Literal[0, 1] = 1


class Apns(Provider):
    """Lives as long as the process; shared by its ports and the control port, all on one event loop."""

    name = "apns"

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger, self.clock = ledger, clock
        self.dial = Dial(ApnsKnobs())
        self.keys = Keys()
        self._scripts = Scripts()
        self.sites = {name: self._site(name) for name in ENVIRONMENTS}
        self.listeners = tuple(listener for site in self.sites.values() for listener in _listeners(site))

    def _site(self, name: str) -> Site:
        storage = Storage(self.ledger.show)
        return Site(name, Desk(name, self.keys), storage, self._scripts, self.dial, self.clock, self.ledger)

    # ── Provider ─────────────────────────────────────────────────────────────────────────────────────────────────

    def import_tokens(self, entries: Sequence[Mapping[str, Any]]) -> int:
        """All or none. An entry may bring its `script` along."""
        parsed = [(Token.model_validate(_without_script(entry)), _script(entry)) for entry in entries]
        for entry, script in parsed:
            self.sites[entry.environment].registry.put(entry, self.clock.now())
            if script:
                self._scripts.put(entry.token, script)
        return len(parsed)

    def export_tokens(self) -> list[dict[str, Any]]:
        return [entry.model_dump(mode="json") for site in self.sites.values() for entry in site.registry]

    def change_token(self, token: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """`script` is a list of steps; the rest are fields of the registry entry, in every environment that has it."""
        token, wanted, steps = token.lower(), _without_script(change), _script(change)
        now = self.clock.now()
        sites = [site for site in self.sites.values() if site.registry.find(token)]
        if not sites and (wanted or not self.dial.now.accept_unknown_tokens):
            raise KeyError(token)
        for site in sites:
            entry = site.registry.find(token)
            if entry is not None and wanted:
                entry = site.registry.put(changed(entry, wanted, now), now)
            if entry is not None and entry.online:
                site.storage.online(token, now)
        if "script" in change:
            self._scripts.put(token, steps)
        return self._described(token)

    def _described(self, token: str) -> dict[str, Any]:
        entries = [(site, entry) for site in self.sites.values() if (entry := site.registry.find(token))]
        return {
            "entries": [entry.model_dump(mode="json") for _, entry in entries],
            "stored": [waiting for site, _ in entries for waiting in site.storage.stored(token)],
            "script": self._scripts.left(token),
        }

    def reset(self) -> None:
        self.keys.clear()
        self._scripts.clear()
        for site in self.sites.values():
            site.clear()

    def clock_moved(self) -> None:
        for site in self.sites.values():
            site.settle()

    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route("/keys", self._list_keys, methods=["GET"]),
            Route("/keys", self._add_key, methods=["POST"]),
            Route("/keys/{key_id}", self._revoke_key, methods=["DELETE"]),
            Route("/certificates/make", self._make_certificate, methods=["POST"]),
            Route("/channels/make", self._make_channel, methods=["POST"]),
        )

    # ── its own control routes ───────────────────────────────────────────────────────────────────────────────────

    async def _list_keys(self, _: Request) -> Response:
        return JSONResponse({"keys": self.keys.listed()})

    async def _add_key(self, request: Request) -> Response:
        key = Key.model_validate_json(await request.body())
        self.keys.register(key)
        return JSONResponse(key.model_dump(mode="json"), status_code=201)

    async def _make_certificate(self, request: Request) -> Response:
        """A client certificate with its key, as one PEM text: what a variant takes as `certificate`."""
        if self.authority is None:
            return Response(status_code=503)
        wanted = CertificateWanted.model_validate_json(await request.body())
        pair = self.authority.push_certificate(wanted.bundle, environments=wanted.environments, topics=wanted.topics)
        return JSONResponse({"certificate": (pair.certificate + pair.key).decode()}, status_code=201)

    async def _make_channel(self, request: Request) -> Response:
        """What an app's owner does in Apple's console."""
        wanted = ChannelWanted.model_validate_json(await request.body())
        channel = self.sites[wanted.environment].channels.create(wanted.bundle, wanted.policy)
        return JSONResponse({"id": channel.id, **wanted.model_dump(mode="json")}, status_code=201)

    async def _revoke_key(self, request: Request) -> Response:
        self.keys.revoke(request.path_params["key_id"])
        return Response(status_code=204)


def _listeners(site: Site) -> tuple[Listener, Listener]:
    send, manage = f"apns.{site.name}", f"apns.channels-{site.name}"
    return (
        Listener(send, SendHandler(send, site), client_certificates=True),
        Listener(manage, ManageHandler(manage, site)),
    )


def _without_script(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "script"}


def _script(entry: Mapping[str, Any]) -> list[Step]:
    return [Step.model_validate(step) for step in entry.get("script") or ()]


def build(ledger: Ledger, clock: Clock) -> Apns:
    """What wiring calls."""
    return Apns(ledger, clock)
