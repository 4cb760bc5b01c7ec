"""Machines that are set up wrongly: a certificate that nobody vouches for, clocks that are off by an hour."""

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.cli.local.owned import wait_until
from services.cli.local.processes import ServiceProcess
from tests.chaos.scene import Scene

FAKETIME: Final = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
UP_WITHIN: Final = timedelta(seconds=30)
SKEWS: Final = {
    "ingest": "+3600", "planner": "-3600", "delivery-apns": "+3600", "delivery-fcm": "-3600", "reporter": "+3600",
}  # fmt: skip


async def wrong_certificate(on: Scene) -> None:
    """Delivery to Apple meets a certificate of an authority that it does not know, then one that it does."""
    other = on.folder / "another-authority.pem"
    await asyncio.to_thread(other.write_bytes, _authority())
    async with _started_with(on, "delivery-apns", {"CARILLON_PROVIDER_CA_FILE": str(other)}, ready=True):
        await asyncio.sleep(on.times(20, 5))
    await on.flowing(("apns",))


async def clocks_off(on: Scene) -> None:
    """Every process on a machine an hour off, ahead or behind. They are not ready, say so, and still do it right."""
    async with contextlib.AsyncExitStack() as skewed:
        for name, seconds in SKEWS.items():
            fake = {"LD_PRELOAD": FAKETIME, "FAKETIME": seconds, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            await skewed.enter_async_context(_started_with(on, name, fake, ready=False))
            if await asyncio.to_thread(on.process(name).ready):
                on.findings.append(f"{name} is ready with a clock that is off by {seconds} s")
        await on.campaign_again()


@contextlib.asynccontextmanager
async def _started_with(on: Scene, name: str, variables: dict[str, str], *, ready: bool) -> AsyncIterator[None]:
    """The process started anew with more variables inside, and without them after."""
    process = on.process(name)
    plain = process._environment
    await _restart(process, plain | variables, ready=ready)
    try:
        yield
    finally:
        await _restart(process, plain, ready=True)


async def _restart(process: ServiceProcess, environment: dict[str, str], *, ready: bool) -> None:
    await asyncio.to_thread(process.stop)
    process._environment = environment
    if ready:
        await asyncio.to_thread(process.start)
        return
    process.launch()
    if not await asyncio.to_thread(wait_until, lambda: _up(process), UP_WITHIN):
        raise TimeoutError(f"{process.name} does not come up")


def _up(process: ServiceProcess) -> bool:
    try:
        with urllib.request.urlopen(f"{process.url}/healthz", timeout=1) as answer:  # noqa: S310  # ours
            return bool(answer.status == 200)
    except OSError:
        return False


def _authority() -> bytes:
    """The certificate of an authority that vouches for nobody here."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody else's authority")])
    draft = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    draft = draft.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=2))
    draft = draft.not_valid_after(now + timedelta(days=1))
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return draft.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
