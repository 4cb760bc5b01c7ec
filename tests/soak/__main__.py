"""`python -m tests.soak [--minutes N] [--seed N]`: ends with 0 if everything is accounted for and nothing has grown."""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Final

import structlog

from tests.soak.books import Books, End
from tests.soak.load import Calm
from tests.soak.run import Soak, say
from tests.soak.sick import FarEnd

MINUTES: Final = 10.0
MOST_A_SECOND: Final = 5_000
"""Requests that the books have room for."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of bad weather; {MINUTES:g} without it")
    parser.add_argument("--seed", type=int, default=1, help="of weather and load")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    seconds: float = asked.minutes * 60
    with tempfile.TemporaryDirectory() as place:
        soak = Soak(seconds, asked.seed, Path(place), Books(int((seconds + 60) * MOST_A_SECOND)))
        calm, far_end = asyncio.run(soak.run())
    _report(soak, calm, far_end)
    return bool(soak.faults)


def _report(soak: Soak, calm: Calm, far_end: FarEnd) -> None:
    totals, accepted = soak.books.totals(), sum(one % 16 for one in far_end.counts)
    bounds = f"{totals[End.DELIVERED]} delivered ≤ {accepted} accepted ≤ {totals[End.DELIVERED] + totals[End.UNKNOWN]}"
    say(f"\nsick      {soak.books.given} requests over {far_end.connections} connections, each with one end:")
    say("          " + ", ".join(f"{one.name.lower()} {totals[one]}" for one in End if totals[one]))
    say("          " + ", ".join(f"{reason} {n}" for reason, n in soak.books.reasons.most_common()))
    say(f"          {bounds} delivered or unknown")
    say("          struck by: " + ", ".join(f"{kind} {n}" for kind, n in sorted(far_end.met.items())))
    say(f"healthy   {calm.given} given, {calm.delivered} delivered; p50 ≤ {calm.bound(0.5)}, p99 ≤ {calm.bound(0.99)}")
    for name, moment in soak.moments.items():
        say(f"{name:9} {moment}")
    say(
        "\n"
        + ("\n".join(f"WRONG     {one}" for one in soak.faults) or "everything is accounted for, nothing has grown")
    )


if __name__ == "__main__":
    sys.exit(main())
