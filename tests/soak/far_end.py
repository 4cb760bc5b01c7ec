"""The sick provider as a process: `python -m tests.soak.far_end CERTIFICATE KEY SEED SIZE BOOKS`.

Says its port; SIGUSR1 clears the weather for good; SIGTERM ends it: then it writes its books and says what has struck.
"""

import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path

from services.simulator.wire import serve
from tests.soak.weather import Weather


async def main(certificate: str, key: str, seed: str, size: str, books: str) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    weather = Weather(int(seed), bytearray(int(size)))
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, weather.clear)
    async with serve(weather, tls=context) as server:
        _say({"port": server.port})
        weather.change()
        await ended.wait()
    await asyncio.to_thread(Path(books).write_bytes, weather.counts)
    _say({"met": weather.met, "connections": weather.connections})


def _say(told: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
