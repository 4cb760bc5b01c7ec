"""One request to send, as far as it has been understood; the checks fill it in on their way."""

from dataclasses import dataclass
from typing import Any

from services.simulator.exchange import Request
from services.simulator.fcm.access_token import Bearer
from services.simulator.fcm.installation import Installation
from services.simulator.fcm.message import Message, message_of
from services.simulator.fcm.project import Project
from services.simulator.fcm.proto_json import Violation, parse
from services.simulator.fcm.schema import SEND_REQUEST
from services.simulator.fcm.world import World


@dataclass(slots=True)
class Attempt:
    request: Request
    world: World
    project_name: str
    now: float
    message: Message
    violations: list[Violation]
    caller: Bearer | None = None  # once the check for it has passed; so is the project
    owner: Project | None = None
    installation: Installation | None = None
    counted: bool = False  # the project's quota pays for it, whatever becomes of it

    @property
    def target(self) -> str:
        """The token or FID; empty for topics and conditions."""
        return self.message.target if self.message.target_kind in ("token", "fid") else ""

    def facts(self) -> dict[str, Any]:
        """For the log."""
        kind = self.message.target_kind
        told: dict[str, Any] = {"project": self.project_name, "auth": self.account, "target": kind}
        if self.target:
            told["token"] = self.target
        elif kind:
            told[kind] = self.message.target
        return told | ({"validate_only": True} if self.message.validate_only else {})

    @property
    def account(self) -> str:
        return self.caller.grant.account if self.caller else ""

    @property
    def bearer(self) -> Bearer:
        """Raises LookupError before the caller was authenticated."""
        if self.caller is None:
            raise LookupError("nobody is authenticated yet")
        return self.caller

    @property
    def project(self) -> Project:
        """Raises LookupError before the project was found."""
        if self.owner is None:
            raise LookupError("the project is not known yet")
        return self.owner


def attempt_for(request: Request, world: World, project_name: str) -> Attempt:
    fields, violations = parse(request.body, SEND_REQUEST)
    message = message_of(fields)
    attempt = Attempt(request, world, project_name, world.now(), message, violations)
    if attempt.target:
        attempt.installation = found(world, message.target_kind, message.target)
    return attempt


def found(world: World, kind: str, name: str) -> Installation | None:
    return (world.registry.by_fid if kind == "fid" else world.registry.by_token).get(name)
