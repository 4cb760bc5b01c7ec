"""Packets between delivery and what it talks to that vanish without a word: no RST, no FIN, in one direction or both.

Needs a network of its own (`unshare --net`): the rules drop by port there, and nobody else is in it. Delivery runs
under a group of its own, by which the kernel knows its packets; a mark on the connection finds the answers to them.
"""

import asyncio
import contextlib
import os
import re
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Literal

from tests.chaos.scene import Scene

NFT: Final = "/usr/sbin/nft"
GROUP: Final = 42_424
SECONDS: Final = 30
DELIVERY: Final = ("delivery-apns", "delivery-fcm")
Far = Literal["broker", "store", "provider"]
Way = Literal["both", "out", "in"]


def vanish(far: Far, way: Way) -> Callable[[Scene], Awaitable[None]]:
    """For half a minute, in mid-campaign."""

    async def fault(on: Scene) -> None:
        for name in DELIVERY:
            await asyncio.to_thread(on.process(name).stop)
            with _group():
                on.process(name).launch()
        for name in DELIVERY:
            await asyncio.to_thread(on.process(name).await_ready)
        await on.drawn_moment()
        on.cut_off += len(DELIVERY) * (far == "provider")  # answers that never came: what was in flight may repeat
        await asyncio.to_thread(_nft, _rules(_ports(on, far), way))
        try:
            await asyncio.sleep(on.times(SECONDS, 10))
        finally:
            vanished = await asyncio.to_thread(_vanished)
            await asyncio.to_thread(_nft, "delete table inet chaos")
        if not vanished:
            on.findings.append("no packet vanished")
        await on.flowing()

    return fault


def _ports(on: Scene, far: Far) -> list[int]:
    if far == "provider":
        return list(on.fleet.site.provider_ports.values())
    url = on.fleet.site.amqp_url if far == "broker" else on.fleet.site.mongodb_url
    hosts = url.split("//")[1].split("/")[0].rpartition("@")[2]
    return [int(host.rpartition(":")[2]) for host in hosts.split(",")]


def _rules(ports: list[int], way: Way) -> str:
    those = f"{{ {', '.join(map(str, ports))} }}"
    out = f"meta skgid {GROUP} tcp dport {those} counter drop" if way != "in" else ""
    back = f"ct mark {GROUP} ct direction reply tcp sport {those} counter drop" if way != "out" else ""
    return f"""table inet chaos {{
        chain leaving {{
            type filter hook output priority 0;
            meta skgid {GROUP} ct mark set {GROUP}
            {out}
            {back}
        }}
    }}"""


def _nft(rules: str) -> None:
    subprocess.run(  # noqa: S603  # every rule is ours
        [NFT, "-f", "-"], input=rules, text=True, check=True, capture_output=True, timeout=10
    )


def _vanished() -> int:
    """How many packets the rules have dropped."""
    listed = subprocess.run(  # noqa: S603  # as above
        [NFT, "list", "table", "inet", "chaos"], text=True, check=True, capture_output=True, timeout=10
    )
    return sum(int(number) for number in re.findall(r"counter packets (\d+)", listed.stdout))


@contextlib.contextmanager
def _group() -> Iterator[None]:
    """What is started inside belongs to it; its user stays, so that it may read the keys."""
    before = os.getegid()
    os.setegid(GROUP)
    try:
        yield
    finally:
        os.setegid(before)
