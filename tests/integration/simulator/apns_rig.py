"""Simulated APNs in this process, with a team's key, ready to be asked."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.simulator.apns.keys import Key
from services.simulator.apns.provider import Apns, build
from services.simulator.certificates import Authority, Pair
from services.simulator.knobs import Clock
from services.simulator.ledger import Ledger
from services.simulator.settings import Settings
from services.simulator.wire import Server
from services.simulator.wiring import open_ports
from tests.integration.simulator.h2_client import Client, Reply, connected

BUNDLE = "com.example.app"
TEAM, KEY_ID = "TEAM000001", "KEY0000001"
TOKEN = "ab" * 32
BODY = b'{"aps":{"alert":"hello"}}'
AUTHORITY = Authority()  # one for all tests: making keys takes time


class Signer:
    """A team's private key as its backend has it."""

    def __init__(self, team: str = TEAM, key_id: str = KEY_ID, **fields: Any) -> None:
        self.team, self.key_id = team, key_id
        self._private = ec.generate_private_key(ec.SECP256R1())
        pem = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.key = Key(key_id=key_id, team_id=team, public_key=pem, **fields)

    def jwt(self, *, issued: float | None = None, der: bool = False, **changes: Any) -> str:
        """A provider token; `changes` override claims (or, named kid and alg, the header)."""
        header = {"alg": changes.pop("alg", "ES256"), "kid": changes.pop("kid", self.key_id)}
        claims = {"iss": self.team, "iat": int(time.time() if issued is None else issued), **changes}
        signed = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
        signature = self._private.sign(signed.encode(), ec.ECDSA(SHA256()))
        if not der:
            r, s = decode_dss_signature(signature)
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{signed}.{_b64(signature)}"


SIGNER = Signer()


@dataclass(slots=True)
class Rig:
    apns: Apns
    servers: dict[str, Server]
    authority: Authority
    folder: Path

    def client(
        self, listener: str = "apns.production", *, pair: Pair | None = None, alpn: tuple[str, ...] = ("h2",)
    ) -> AbstractAsyncContextManager[Client]:
        return connected(self.servers[listener].port, self.authority.client_context(alpn, pair))

    def knobs(self, **changes: Any) -> None:
        self.apns.dial.turn(changes)
        for server in self.servers.values():
            server.sweep()

    def register(self, token: str = TOKEN, **fields: Any) -> None:
        self.apns.import_tokens([{"token": token, "bundle": BUNDLE, **fields}])

    def advance(self, **span: float) -> None:
        self.apns.clock.advance(timedelta(**span))
        self.apns.clock_moved()
        for server in self.servers.values():
            server.sweep()

    def now(self) -> float:
        return self.apns.clock.now().timestamp()

    def requests(self, **wanted: str) -> list[dict[str, Any]]:
        return self.apns.ledger.requests(wanted)

    def shown(self, token: str = TOKEN) -> list[str]:
        """The alerts a device showed, in order."""
        return [json.loads(entry["payload"])["aps"]["alert"] for entry in self.apns.ledger.shown(token)]


@asynccontextmanager
async def rigged(folder: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    apns = build(Ledger("apns", clock, folder), clock)
    apns.keys.register(SIGNER.key)
    async with open_ports(apns, AUTHORITY, Settings()) as servers:
        rig = Rig(apns, servers, AUTHORITY, folder)
        rig.register()
        yield rig
    apns.ledger.close()


def headers(
    token: str = TOKEN, /, *, jwt: str | None = None, path: str | None = None, **named: str | None
) -> list[tuple[str, str]]:
    """A good request's headers; a name given as None is left out, underscores stand for dashes."""
    wanted: dict[str, str | None] = {
        ":method": "POST",
        ":scheme": "https",
        ":path": f"/3/device/{token}" if path is None else path,
        ":authority": "api.push.apple.com",
        "authorization": f"bearer {_good() if jwt is None else jwt}",
        "apns-topic": BUNDLE,
        "apns-push-type": "alert",
    }
    wanted.update({name.replace("_", "-"): value for name, value in named.items()})
    return [(name, value) for name, value in wanted.items() if value is not None]


def alert(text: str) -> bytes:
    return json.dumps({"aps": {"alert": text}}).encode()


def reason(reply: Reply) -> str:
    return str(json.loads(reply.body)["reason"])


_made: list[tuple[float, str]] = []


def _good() -> str:
    """One token for all requests, as Apple asks."""
    if not _made or time.time() - _made[-1][0] > 600:
        _made.append((time.time(), SIGNER.jwt()))
    return _made[-1][1]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
