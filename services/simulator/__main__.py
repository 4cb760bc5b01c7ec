"""Runs the simulator until SIGTERM or SIGINT: `python -m services.simulator`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from services.simulator.settings import Settings, read
from services.simulator.wiring import open_simulator


async def run(settings: Settings) -> None:
    """Serve; one JSON line with the addresses on standard output says that every port is open."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, stopped.set)
    async with open_simulator(settings) as simulator:
        sys.stdout.write(json.dumps(simulator.addresses()) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> None:
    """The command. Arguments and environment are the process's own unless given."""
    settings = read(
        sys.argv[1:] if arguments is None else arguments, os.environ if environment is None else environment
    )
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
