"""Notifications that kill their workers, alone and amid a campaign: they are closed, and nothing else is."""

from pathlib import Path
from typing import Final

from tests.chaos.scene import Scene

ALONE: Final = 3
"""Deaths: the first, and two of those who took over; the third who would does not try."""
IN_COMPANY: Final = 8
"""At most: three that raise suspicion, three alone, and two that the campaign's end or begin may add."""
WORKER: Final = "delivery-fcm"
NO_ANSWER: Final = {"drop": "black_hole", "times": 1000}


async def alone(on: Scene) -> None:
    """Nothing else is in flight: after three deaths it is closed as poison."""
    await on.campaign_again()  # the access token is there: what is in flight below is the notification
    victim = next(device for device in on.devices if device.stable and device.platform == "fcm")
    async with on.providers.turned(("fcm",), latency={"median": 0.6}):
        id_ = await on.backend.surely("poison", {"users": [victim.user]})
        for _ in range(ALONE):
            await on.flowing(("fcm",))
            await on.kill(WORKER)
            await on.start(WORKER)
        report = await on.backend.finished(id_)
    if report["total"]["reasons"].get("failed") != {"poison": 1}:
        on.findings.append(f"what killed its worker {ALONE} times ended as {report['total']}")
    await on.campaign_again()


async def in_company(on: Scene) -> None:
    """A campaign goes on around it: whoever sends it dies at once; it is closed, and takes nobody with it."""
    victim = next(device for device in on.devices if device.stable and device.platform == "fcm")
    await on.providers.call("POST", f"/fcm/tokens/{victim.token}", {"script": [NO_ANSWER]})
    log = on.fleet.site.folder / "simulator" / "fcm.requests.jsonl"
    campaigns = [await on.backend.campaign()]
    await on.flowing(("fcm",), on.setup.stack.chunk)
    sends = [await on.backend.surely("poison", {"users": [victim.user]}), *campaigns]
    seen, deaths, left = 0, 0, list(sends)
    while left:
        seen, asked = await _asked(log, seen, victim.token)
        if asked:
            deaths += 1
            await on.kill(WORKER)
            await on.start(WORKER)
        left = [one for one in left if not await on.backend.is_finished(one)]
    if deaths > len(sends) * IN_COMPANY:
        on.findings.append(f"{deaths} deaths until {len(sends)} chunks were closed")
    report = await on.backend.finished(sends[0])
    if report["total"]["reasons"].get("failed") != {"poison": 1}:
        on.findings.append(f"what killed its worker again and again ended as {report['total']}")
    report = await on.backend.finished(campaigns[0])
    closed = report["total"]["reasons"].get("failed", {}).get("poison", 0)
    if not 0 < closed < 2 * on.setup.stack.chunk:
        on.findings.append(
            f"{closed} notifications of the campaign are closed as poison, a chunk has about {on.setup.stack.chunk}"
        )


async def _asked(log: Path, after: int, token: str) -> tuple[int, bool]:
    """How far the provider's log was read, and whether somebody was asked for since."""
    with log.open("rb") as lines:
        lines.seek(after)
        read = lines.read()
    whole = read[: read.rfind(b"\n") + 1]
    return after + len(whole), token.encode() in whole
