"""The simulator as people start it: one process, its addresses, its control port, its logs."""

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.simulator.settings import read
from tests.integration.simulator.apns_rig import BODY, BUNDLE, SIGNER, TOKEN, headers, reason
from tests.integration.simulator.h2_client import Client, connected

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Running:
    process: asyncio.subprocess.Process
    addresses: dict[str, Any]
    control: httpx.AsyncClient

    def port(self, listener: str) -> int:
        return int(self.addresses["listeners"][listener].rpartition(":")[2])

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.addresses["ca_file"])
        context.set_alpn_protocols(["h2"])
        return context

    def log(self, name: str) -> list[dict[str, Any]]:
        path = Path(self.addresses["log_folder"]) / f"apns.{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.simulator",
        "--providers=apns",
        env={
            **os.environ,
            "CARILLON_SIMULATOR_LOG_FOLDER": str(tmp_path / "logs"),
            "CARILLON_SIMULATOR_CA_FILE": str(tmp_path / "tls" / "ca.pem"),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        addresses = json.loads(await process.stdout.readline())
        async with httpx.AsyncClient(base_url=addresses["control"]) as control:
            yield Running(process, addresses, control)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def prepared(running: Running) -> None:
    assert (await running.control.post("/apns/keys", content=SIGNER.key.model_dump_json())).status_code == 201
    imported = await running.control.post("/apns/registry", json=[{"token": TOKEN, "bundle": BUNDLE}])
    assert imported.json() == {"imported": 1}


async def send(client: Client, token: str = TOKEN) -> int:
    return (await client.request(headers(token), BODY)).status


async def test_a_rehearsal_from_the_outside(running: Running) -> None:
    assert (await running.control.get("/healthz")).json()["status"] == "ok"
    await prepared(running)
    scripted = {"script": [{"reason": "TooManyRequests", "retry_after": "9"}]}
    assert (await running.control.post(f"/apns/tokens/{TOKEN}", json=scripted)).status_code == 200
    async with connected(running.port("apns.production"), running.tls()) as client:
        assert [await send(client), await send(client), await send(client, "cd" * 32)] == [429, 200, 400]
        (listed,) = (await running.control.get("/apns/connections")).json()["connections"]
        assert (listed["listener"], listed["requests"], listed["limit"]) == ("apns.production", 3, 1000)
        assert (await running.control.put("/apns/knobs", json={"stream_limit": 7})).json()["stream_limit"] == 7
        await client.until(lambda: client.limit == 7)
        moved = await running.control.post("/apns/clock", json={"advance": 3500})
        assert moved.status_code == 200
        assert (await running.control.post("/apns/goaway", json={"mode": "drain"})).json() == {"connections": 1}
        await client.until(lambda: client.closed)
        assert client.goaways[0].last_stream_id == 5

    found = (await running.control.get("/apns/requests", params={"token": TOKEN, "status": "200"})).json()
    assert found["counts"] == {"429 TooManyRequests": 1, "200": 1, "400 BadDeviceToken": 1}
    assert [entry["apns_id"] for entry in found["requests"]] == [running.log("requests")[1]["apns_id"]]
    pages = (await running.control.get("/apns/devices", params={"after": TOKEN})).json()["devices"]
    assert pages == [{"token": "cd" * 32, "accepted": 0, "verdicts": {"400 BadDeviceToken": 1}}]
    shown = (await running.control.get(f"/apns/devices/{TOKEN}/shown")).json()
    assert [entry["payload"] for entry in shown["on_screen"]] == [BODY.decode()]


async def test_the_log_is_written_before_the_answer_and_holds_no_usable_credential(running: Running) -> None:
    await prepared(running)
    async with connected(running.port("apns.production"), running.tls()) as client:
        await send(client)
        (entry,) = running.log("requests")
    assert (entry["token"], entry["status"], entry["stream"], entry["body"]) == (TOKEN, 200, 1, BODY.decode())
    assert (entry["auth"]["iss"], entry["auth"]["kid"]) == (SIGNER.team, SIGNER.key_id)
    assert [name for name, _ in entry["headers"]] == [name for name, _ in headers()]
    whole = (Path(running.addresses["log_folder"]) / "apns.requests.jsonl").read_text()
    assert dict(headers())["authorization"].split(".")[2] not in whole
    assert running.log("shown")[0]["token"] == TOKEN


async def test_reset_forgets_everything_but_the_log(running: Running) -> None:
    await prepared(running)
    await running.control.put("/apns/knobs", json={"punish": True})
    async with connected(running.port("apns.production"), running.tls()) as client:
        assert await send(client) == 200
        assert (await running.control.post("/apns/reset")).status_code == 204
        assert reason(await client.request(headers(), BODY)) == "InvalidProviderToken"
    assert (await running.control.get("/apns/registry")).json() == {"tokens": []}
    assert (await running.control.get("/apns/keys")).json() == {"keys": []}
    assert (await running.control.get("/apns/knobs")).json()["punish"] is False
    assert [entry.get("status", entry.get("event")) for entry in running.log("requests")] == [200, "reset", 403]


async def test_the_registry_comes_back_as_it_went_in(running: Running) -> None:
    await prepared(running)
    await running.control.post(f"/apns/tokens/{TOKEN}", json={"state": "unregistered", "since": 1234, "online": False})
    exported = (await running.control.get("/apns/registry")).json()
    await running.control.post("/apns/reset")
    assert (await running.control.post("/apns/registry", json=exported)).json() == {"imported": 1}
    assert (await running.control.get("/apns/registry")).json() == exported


WRONG: list[tuple[str, str, object, int]] = [
    ("PUT", "/apns/knobs", {"stream_limt": 1}, 422),
    ("PUT", "/apns/knobs", {"black_hole": 2}, 422),
    ("PUT", "/apns/knobs", [], 422),
    ("POST", "/apns/registry", [{"token": "xyz", "bundle": "b"}], 422),
    ("POST", "/apns/registry", [{"token": TOKEN, "bundle": "b"}, {"token": TOKEN}], 422),
    ("POST", "/apns/registry", {}, 422),
    ("POST", "/apns/tokens/" + TOKEN, {"online": False}, 404),
    ("POST", "/apns/tokens/" + TOKEN, {"script": [{"status": 42}]}, 422),
    ("POST", "/apns/keys", {"key_id": "k", "team_id": "t", "public_key": "no PEM"}, 422),
    ("POST", "/apns/clock", {"advance": -1}, 422),
    ("POST", "/apns/goaway", {"mode": "shout"}, 422),
    ("GET", "/apns/requests?after=x", None, 422),
    ("GET", "/nobody/knobs", None, 404),
]


async def test_a_wrong_order_is_refused_and_changes_nothing(running: Running) -> None:
    knobs = (await running.control.get("/apns/knobs")).json()
    for method, path, body, status in WRONG:
        reply = await running.control.request(method, path, json=body)
        assert (method, path, body, reply.status_code) == (method, path, body, status)
    assert (await running.control.get("/apns/registry")).json() == {"tokens": []}
    assert (await running.control.get("/apns/knobs")).json() == knobs


def test_settings_come_from_variables_and_flags_and_an_unknown_one_stops_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = read(["--host=::1", "--ports=apns.sandbox=7"], {"CARILLON_SIMULATOR_HOST": "::", "HOME": "/"})
    assert (settings.host, settings.ports, settings.providers) == ("::1", {"apns.sandbox": 7}, ("apns", "fcm"))
    for wrong in ("CARILLON_SIMULATOR_HOTS", "CARILLON_SIMULATOR_CONTROL_PORT"):
        with pytest.raises(SystemExit):
            read([], {wrong: "x"})
        assert wrong.removeprefix("CARILLON_SIMULATOR_").lower() in capsys.readouterr().err.lower()
