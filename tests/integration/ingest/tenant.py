"""An app with its keys, as a test uses it."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.integration.ingest import credentials

Answer = dict[str, Any]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True)
class Tenant:
    http: httpx.AsyncClient
    id: str
    app_secret: str
    client_secret: str
    apns: str
    fcm: str

    def basic(self, path: str, key: str) -> tuple[str, str] | None:
        """The user and password of paths that do not work without: the user is a variant."""
        return (self.apns, key) if path.startswith("/rest/registry/") else None

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.http.post(path, json=body, headers=bearer(self.app_secret))

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers=bearer(self.app_secret))

    async def send(self, **request: object) -> httpx.Response:
        return await self.post("/v1/sends", {"message": {"title": "Ding"}, **request})

    async def register(self, **device: object) -> str:
        answer = await self.post("/v1/devices", {"variant": self.apns, **device})
        assert answer.status_code in (200, 201), answer.text
        found: str = answer.json()["id"]
        return found

    async def device(self, device: str) -> Answer:
        answer = await self.get(f"/v1/devices/{device}")
        assert answer.status_code == 200, answer.text
        found: Answer = answer.json()
        return found


async def make_tenant(http: httpx.AsyncClient, admin: str, name: str) -> Tenant:
    made = await http.post("/v1/apps", json={"name": name}, headers=bearer(admin))
    assert made.status_code == 201, made.text
    app = made.json()
    variants = {}
    for platform, settings in (("apns", credentials.apns()), ("fcm", credentials.fcm())):
        body = {"platform": platform, "name": platform, "settings": settings}
        answer = await http.post(f"/v1/apps/{app['id']}/variants", json=body, headers=bearer(admin))
        assert answer.status_code == 201, answer.text
        variants[platform] = answer.json()["id"]
    return Tenant(http, app["id"], app["app_secret"], app["client_secret"], variants["apns"], variants["fcm"])
