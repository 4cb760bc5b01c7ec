"""How connections are had: certificates of both sides, ALPN, the proxy."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from services.delivery.http2.engine import open_engine
from services.simulator.certificates import Authority
from services.simulator.exchange import Connection
from services.simulator.wire import serve
from shared.flow.verdict import ConnectionTrouble, NotProcessed
from shared.providers.contract import Origin
from tests.integration.http2.provider import AUTHORITY, Provider, Rig, rigged

pytestmark = pytest.mark.anyio

NOT_TRUSTED = NotProcessed("no_connection", ConnectionTrouble.PEER_NOT_TRUSTED)


async def test_a_server_of_another_authority_is_not_trusted_and_not_tried_again_at_once(tmp_path: Path) -> None:
    provider = Provider()
    AUTHORITY.write(tmp_path / "ca.pem")
    async with (
        serve(provider, tls=Authority().server_context(("h2",))) as server,
        open_engine(tmp_path / "ca.pem", environ={}, scale=1) as engine,
    ):
        rig = Rig(engine, server, Origin("localhost", server.port, "team"))
        for _ in range(10):
            assert await rig.outcomes(rig.parcel(2)) == [NOT_TRUSTED] * 2
    assert not provider.connections


async def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path) -> None:
    elsewhere = Authority(("elsewhere.example",))
    elsewhere.write(tmp_path / "ca.pem")
    async with (
        serve(Provider(), tls=elsewhere.server_context(("h2",))) as server,
        open_engine(tmp_path / "ca.pem", environ={}) as engine,
    ):
        rig = Rig(engine, server, Origin("localhost", server.port, "team"))
        assert await rig.outcomes(rig.parcel(1)) == [NOT_TRUSTED]


@pytest.mark.parametrize("alpn", [("http/1.1",), ()])
async def test_a_server_without_h2_is_never_spoken_to(tmp_path: Path, alpn: tuple[str, ...]) -> None:
    provider = Provider()
    AUTHORITY.write(tmp_path / "ca.pem")
    async with (
        serve(provider, tls=AUTHORITY.server_context(alpn), http1=True) as server,
        open_engine(tmp_path / "ca.pem", environ={}) as engine,
    ):
        rig = Rig(engine, server, Origin("localhost", server.port, "team"))
        assert await rig.outcomes(rig.parcel(1)) == [NOT_TRUSTED]
    assert not provider.delivered


async def test_a_client_certificate_is_presented(tmp_path: Path) -> None:
    seen = []

    class Looking(Provider):
        def accept(self, connection: Connection) -> bool:
            seen.append(connection.certificate)
            return True

    pair = AUTHORITY.push_certificate("com.example.app")
    AUTHORITY.write(tmp_path / "ca.pem")
    async with (
        serve(Looking(), tls=AUTHORITY.server_context(("h2",), client_certificates=True)) as server,
        open_engine(tmp_path / "ca.pem", environ={}) as engine,
    ):
        origin = Origin("localhost", server.port, "team", pair.certificate + pair.key)
        rig = Rig(engine, server, origin)
        assert await rig.outcomes(rig.parcel(1)) == [200]
    assert seen == [ssl.PEM_cert_to_DER_cert(pair.certificate.decode())]


async def test_a_server_that_refuses_our_certificate_is_a_matter_of_credentials(tmp_path: Path) -> None:
    async with rigged(Provider(), tmp_path, scale=1) as rig:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            asking = asyncio.create_task(asyncio.to_thread(_demand_a_certificate, listener))
            there = replace(rig, origin=replace(rig.origin, port=listener.getsockname()[1]))
            refused = NotProcessed("no_connection", ConnectionTrouble.CERTIFICATE_REFUSED)
            assert await there.outcomes(there.parcel(2)) == [refused] * 2
            await asking


async def test_a_client_certificate_that_cannot_be_read_is_a_matter_of_credentials(tmp_path: Path) -> None:
    async with rigged(Provider(), tmp_path) as rig:
        broken = replace(rig, origin=replace(rig.origin, certificate=b"-----BEGIN CERTIFICATE-----\nno\n"))
        refused = NotProcessed("no_connection", ConnectionTrouble.CERTIFICATE_REFUSED)
        assert await broken.outcomes(broken.parcel(2)) == [refused] * 2


def _demand_a_certificate(listener: socket.socket) -> None:
    """On a blocking socket: asyncio's server ends TCP before its alert is out."""
    demanding = AUTHORITY.server_context(("h2",), client_certificates=True)
    demanding.verify_mode = ssl.CERT_REQUIRED
    accepted, _ = listener.accept()
    with accepted, contextlib.suppress(ssl.SSLError):
        demanding.wrap_socket(accepted, server_side=True)


# ── the proxy ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Tunnels:
    """An HTTP proxy that knows CONNECT."""

    status: bytes = b"200 Connection established"
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(b"HTTP/1.1 " + self.status + b"\r\nVia: test\r\n\r\n")
        with contextlib.suppress(OSError):
            if self.status.startswith(b"200"):
                host, _, port = head.split()[1].decode().rpartition(":")
                there, back = await asyncio.open_connection(host, int(port))
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxied(proxy: Tunnels, tmp_path: Path, **environ: str) -> AsyncIterator[tuple[Rig, Provider]]:
    provider = Provider()
    AUTHORITY.write(tmp_path / "ca.pem")
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with (
        listener,
        serve(provider, tls=AUTHORITY.server_context(("h2",))) as server,
        open_engine(
            tmp_path / "ca.pem", environ={"HTTPS_PROXY": f"http://me:s%20cret@127.0.0.1:{port}", **environ}, scale=1
        ) as engine,
    ):
        yield Rig(engine, server, Origin("localhost", server.port, "team")), provider


async def test_requests_pass_through_the_proxy_with_its_credentials(tmp_path: Path) -> None:
    proxy = Tunnels()
    async with proxied(proxy, tmp_path) as (rig, provider):
        assert set(await rig.outcomes(rig.parcel(100))) == {200}
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % rig.origin.port)
        assert base64.b64encode(b"me:s cret") in head
    assert sum(provider.delivered.values()) == 100


async def test_a_proxy_that_refuses_is_a_matter_of_credentials(tmp_path: Path) -> None:
    proxy = Tunnels(b"407 Proxy Authentication Required")
    async with proxied(proxy, tmp_path) as (rig, _):
        refused = NotProcessed("no_connection", ConnectionTrouble.PROXY_REFUSED)
        for _ in range(5):
            assert await rig.outcomes(rig.parcel(2)) == [refused] * 2
    assert len(proxy.heads) == 1


async def test_a_proxy_that_cannot_reach_the_provider_is_no_matter_of_credentials(tmp_path: Path) -> None:
    async with proxied(Tunnels(b"502 Bad Gateway"), tmp_path) as (rig, _):
        assert await rig.outcomes(rig.parcel(1)) == [NotProcessed("no_connection", ConnectionTrouble.UNREACHABLE)]


async def test_hosts_that_are_excepted_are_reached_directly(tmp_path: Path) -> None:
    proxy = Tunnels()
    async with proxied(proxy, tmp_path, NO_PROXY="example.com,localhost") as (rig, _):
        assert await rig.outcomes(rig.parcel(1)) == [200]
    assert not proxy.heads


async def test_a_host_without_an_address_is_unreachable(tmp_path: Path) -> None:
    async with rigged(Provider(), tmp_path) as rig:
        lost = replace(rig, origin=replace(rig.origin, host="no-such-host.invalid"))
        assert await lost.outcomes(lost.parcel(1)) == [NotProcessed("no_connection", ConnectionTrouble.UNREACHABLE)]
