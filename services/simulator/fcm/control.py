"""What the control port has for Firebase alone: projects, service accounts, access tokens, a FID that gets a token."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.simulator.fcm.assertion import AUDIENCE
from services.simulator.fcm.project import SENDER, Project, ServiceAccount
from services.simulator.fcm.service_account import make_service_account
from services.simulator.fcm.world import World


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewAccount(_Asked):
    """A service account to be made, with a key of its own."""

    project: str
    client_email: str = ""
    roles: tuple[str, ...] = (SENDER,)
    token_uri: str = AUDIENCE


class Revocation(_Asked):
    account: str | None = None  # none: everybody's


class Asked(_Asked):
    token: str  # what the app is given


class Control:
    """One method a route. Wrong bodies raise ValueError, unknown names KeyError: the control port answers for both."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def put_projects(self, request: Request) -> Response:
        wanted = [Project.model_validate(each) for each in _listed(await _body(request))]
        for project in wanted:
            self._world.directory.add_project(project)
        return _told(wanted)

    async def get_projects(self, _: Request) -> Response:
        return _told(list(self._world.directory.projects()))

    async def put_accounts(self, request: Request) -> Response:
        wanted = [ServiceAccount.model_validate(each) for each in _listed(await _body(request))]
        for account in wanted:
            self._world.directory.add_account(account)
        return _told(wanted)

    async def get_accounts(self, _: Request) -> Response:
        return _told(list(self._world.directory.accounts.values()))

    async def delete_account(self, request: Request) -> Response:
        """Its access tokens go with it, as they do at Google's."""
        account = self._world.directory.accounts.pop(request.path_params["email"])
        return JSONResponse({"revoked": self._world.tokens.revoke(account.client_email)})

    async def make_account(self, request: Request) -> Response:
        """Answers with the JSON file that a client is configured with."""
        new = NewAccount.model_validate(await _body(request))
        file, account = make_service_account(new.project, new.client_email, roles=new.roles, token_uri=new.token_uri)
        self._world.directory.add_account(account)
        return JSONResponse(file, 201)

    async def revoke(self, request: Request) -> Response:
        wanted = Revocation.model_validate(await _body(request))
        return JSONResponse({"revoked": self._world.tokens.revoke(wanted.account)})

    async def get_token(self, request: Request) -> Response:
        """The app on this FID installation calls getToken(): from now on its FID is not registered any more."""
        asked = Asked.model_validate(await _body(request))
        kept = self._world.registry.get_token(request.path_params["fid"], asked.token, self._world.now())
        return JSONResponse(kept.model_dump(mode="json", exclude_none=True))


def routes(world: World) -> Sequence[BaseRoute]:
    control = Control(world)
    return (
        Route("/projects", control.put_projects, methods=["POST"]),
        Route("/projects", control.get_projects, methods=["GET"]),
        Route("/service-accounts", control.put_accounts, methods=["POST"]),
        Route("/service-accounts", control.get_accounts, methods=["GET"]),
        Route("/service-accounts/make", control.make_account, methods=["POST"]),
        Route("/service-accounts/{email}", control.delete_account, methods=["DELETE"]),
        Route("/access-tokens/revoke", control.revoke, methods=["POST"]),
        Route("/installations/{fid}/get-token", control.get_token, methods=["POST"]),
    )


async def _body(request: Request) -> Any:
    raw = await request.body()
    return json.loads(raw) if raw else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _told(models: Sequence[BaseModel]) -> Response:
    return JSONResponse([model.model_dump(mode="json") for model in models])
