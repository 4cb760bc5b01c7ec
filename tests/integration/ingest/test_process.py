"""ingest as a process: its start, its key file, its drain, and a store that goes away."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from services.cli.local.ports import free_port
from services.cli.local.servers import Server
from services.ingest.admin_key import LEAST, UnfitKey, admin_key
from services.ingest.settings import IngestSettings
from services.ingest.wiring import main
from shared.runtime.start import start
from tests.integration.ingest.conftest import Database, accepting
from tests.integration.ingest.tenant import make_tenant
from tests.integration.ingest.test_group_commit import at_once, post

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "services.ingest")


@asynccontextmanager
async def process(environ: Mapping[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}
    child = await asyncio.create_subprocess_exec(
        *COMMAND, cwd=ROOT, env={**clean, **environ, "CARILLON_HTTP_PORT": str(port)}, stdout=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with anyio.fail_after(60):
            while True:
                try:
                    await accepting(url)
                    break
                except httpx.TransportError:
                    await anyio.sleep(0.05)
        yield child, url
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def environ_for(amqp: str, mongodb: str, database: str, folder: Path) -> dict[str, str]:
    return {
        "CARILLON_AMQP_URL": amqp,
        "CARILLON_MONGODB_URL": mongodb,
        "CARILLON_DATABASE": database,
        "CARILLON_KEYRING_FILE": str(folder / "keyring"),
        "CARILLON_ADMIN_KEY_FILE": str(folder / "admin-key"),
        "CARILLON_DRAIN_SECONDS": "10",
    }


async def test_sigterm_finishes_what_is_in_flight_and_everything_accepted_is_stored(
    own_amqp_url: str, mongodb_url: str, stored: Database, tmp_path: Path
) -> None:
    environ = environ_for(own_amqp_url, mongodb_url, stored.name, tmp_path)
    async with process(environ) as (child, url):
        key_file = tmp_path / "admin-key"
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            tenant = await make_tenant(http, key_file.read_text().strip(), f"drained {tmp_path.name}")
        requests = asyncio.ensure_future(at_once(url, post(tenant.app_secret), 100))
        while not stored["sends"].count_documents({"app": tenant.id}):  # noqa: ASYNC110  # seen from beside it
            await asyncio.sleep(0.002)
        child.send_signal(signal.SIGTERM)
        answers = await asyncio.wait_for(requests, 60)
        assert await asyncio.wait_for(child.wait(), 60) == 0
    accepted = {f"{tenant.id}.{body['id']}" for status, body in answers if status == 202}
    assert accepted
    assert {status for status, _ in answers} <= {202, 0}  # 0: closed before it was read
    assert {one["_id"] for one in stored["sends"].find({"app": tenant.id})} == accepted


async def test_while_the_store_is_away_sends_are_refused_and_the_process_lives(
    own_amqp_url: str, own_store: Server, tmp_path: Path
) -> None:
    environ = environ_for(own_amqp_url, own_store.url, "carillon", tmp_path)
    async with process(environ) as (child, url), httpx.AsyncClient(base_url=url, timeout=30) as http:
        tenant = await make_tenant(http, (tmp_path / "admin-key").read_text().strip(), "away")
        assert (await tenant.send(audience={"users": ["ada"]})).status_code == 202
        await anyio.to_thread.run_sync(own_store.kill)
        answer = await tenant.send(audience={"users": ["ada"]})
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/healthz")).status_code == 200
        await anyio.to_thread.run_sync(own_store.start)
        with anyio.fail_after(60):
            while (await tenant.send(audience={"users": ["ada"]})).status_code != 202:  # noqa: ASYNC110  # as a sender would
                await anyio.sleep(0.1)
        assert child.returncode is None


def test_help_lists_every_setting_and_an_unknown_one_stops_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as helped:
        start("ingest", IngestSettings, main, about="", argv=["--help"])
    shown = capsys.readouterr().out
    assert (helped.value.code, "CARILLON_ADMIN_KEY_FILE" in shown, "carillon.admin-key" in shown) == (0, True, True)
    with pytest.raises(SystemExit) as refused:
        start("ingest", IngestSettings, main, about="", argv=[], environ={"CARILLON_ADMIN_KEYS": "x"})
    assert (refused.value.code, "CARILLON_ADMIN_KEYS" in capsys.readouterr().err) == (2, True)


def test_the_operators_key_is_made_once_and_a_short_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deeper" / "key"
    made = admin_key("", file)
    assert (len(made) >= LEAST, admin_key("", file), stat.S_IMODE(file.stat().st_mode)) == (True, made, 0o600)
    assert [one.name for one in file.parent.iterdir()] == ["key"]
    assert admin_key("x" * LEAST, file) == "x" * LEAST
    file.write_text("short\n")
    for given in ("", "x" * (LEAST - 1)):
        with pytest.raises(UnfitKey) as refused:
            admin_key(given, file)
        assert "short" not in str(refused.value).replace("too short", "")
