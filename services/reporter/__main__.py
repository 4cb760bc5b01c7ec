"""`python -m services.reporter`: sums records into reports and tells backends."""

from services.reporter.settings import ReporterSettings
from services.reporter.wiring import main
from shared.runtime.loop import plain_sockets
from shared.runtime.start import start

if __name__ == "__main__":
    start(
        "reporter",
        ReporterSettings,
        main,
        about="sums chunk records into reports, retires devices, tells backends",
        loop=plain_sockets,
    )
