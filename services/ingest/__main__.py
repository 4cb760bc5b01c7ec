"""Starts ingest: `python -m services.ingest`."""

from services.ingest.settings import IngestSettings
from services.ingest.wiring import main
from shared.runtime.loop import plain_sockets
from shared.runtime.start import start

if __name__ == "__main__":
    start(
        "ingest",
        IngestSettings,
        main,
        about="the HTTP door; turns requests into sends, keeps apps and devices",
        loop=plain_sockets,
    )
