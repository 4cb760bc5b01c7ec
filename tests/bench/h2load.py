"""h2load as the ceiling: C, no application, the same requests over and over to 2,000 paths."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.providers.apns.settings import ApnsSettings
from shared.providers.contract import Context
from tests.bench.figures import MeasureError, folder
from tests.bench.installed import h2load
from tests.bench.processes import pinned, run
from tests.bench.work import Campaign, Each, token

URIS: Final = 2000
STREAMS: Final = 1000
DONE: Final = re.compile(r"finished in ([\d.]+)(us|ms|s)\b")
OK: Final = re.compile(r"status codes: (\d+) 2xx")
UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Loaded:
    """One run of h2load. `seconds` is its own time of sending."""

    ok: int
    seconds: float
    cpu_seconds: float


def load(address: str, count: int, core: int, limit: timedelta, campaign: Campaign) -> Loaded:
    """One connection, one thread, the headers and the size of payload that the engine sends."""
    ended = run(pinned(core, [h2load(), *_arguments(address, count, campaign)]), limit)
    done, ok = DONE.search(ended.said), OK.search(ended.said)
    if done is None or ok is None:
        raise MeasureError(f"h2load said nothing to count:\n{ended.said[-2000:]}")
    return Loaded(int(ok[1]), float(done[1]) * UNITS[done[2]], ended.cpu_seconds)


def _arguments(address: str, count: int, campaign: Campaign) -> list[str]:
    send = campaign.send
    settings = ApnsSettings.model_validate(campaign.variant.settings)
    prepared = Each().prepare(
        send.request.message, settings, Context(send.key, send.id, send.deadline, send.accepted_at)
    )
    place = folder("h2load")
    uris, body = place / "uris", place / "body"
    uris.write_text("".join(f"https://{address}/3/device/{token('h2load', n)}\n" for n in range(URIS)))
    body.write_bytes(prepared.same.body)
    headers = [
        *prepared.headers,
        ("apns-id", "eabeae54-14a8-11e5-b60b-1697f925ec7b"),
        ("authorization", "bearer bench"),
    ]
    fields = [part for name, value in headers for part in ("-H", f"{name}: {value}")]
    return ["-n", str(count), "-c", "1", "-t", "1", "-m", str(STREAMS), "-d", str(body), "-i", str(uris), *fields]
