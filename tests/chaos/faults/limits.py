"""A rate limit that several replicas share, also when one of them dies."""

import asyncio
from datetime import timedelta
from typing import Final

from tests.chaos.checker import ledger, rates
from tests.chaos.scene import Scene

RATE: Final = 300
WINDOW: Final = timedelta(seconds=5)
MARGIN: Final = timedelta(seconds=3)
"""At the begin and the end of a campaign the flow is not yet, and no longer, as wide as the limit."""
TOLERANCE: Final = 0.1
REPLICAS: Final = (2, 3)


async def shared(on: Scene) -> None:
    """Three replicas under one limit, one killed in mid-campaign: the provider sees the limit, no more and no less."""
    (variant,) = on.tenant.variants
    await on.replace_variant(variant.id, {"rate_limit": RATE})
    for number in REPLICAS:
        await asyncio.to_thread(on.fleet.another("delivery-apns", number).start)
    campaign = asyncio.ensure_future(on.campaign_again())
    await on.flowing(("apns",))
    await asyncio.sleep(len(on.devices) / RATE * on.chance.uniform(0.3, 0.6))
    await on.kill("delivery-apns")
    await on.start("delivery-apns")
    mark = await campaign
    read = await asyncio.to_thread(ledger.read, on.fleet.site.folder / "simulator")
    own = sorted(moment for answers in read.sends[mark].values() for moment in answers.accepted)
    meanwhile = [moment for moment in read.accepted["apns"] if own[0] <= moment <= own[-1]]
    counts = rates.windows(meanwhile, WINDOW, MARGIN)
    least, most = (RATE * WINDOW.total_seconds() * share for share in (1 - TOLERANCE, 1 + TOLERANCE))
    wrong = [round(count / WINDOW.total_seconds()) for count in counts if not least <= count <= most]
    if wrong or not counts:
        on.findings.append(f"{len(wrong)} of {len(counts)} windows of 5 s are off the limit of {RATE}/s: {wrong[:12]}")
