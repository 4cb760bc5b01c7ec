"""One of Carillon's services as a local process: started with its environment, ready, drained, killed, restarted."""

import http.client
import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from services.cli.local.errors import StartFailedError
from services.cli.local.owned import Owned, await_ready, spawn, unbroken
from services.cli.local.places import ROOT
from services.cli.local.ports import LOOPBACK
from services.cli.local.servers import START_PATIENCE

DRAIN_PATIENCE = timedelta(seconds=30)  # a service ends itself after CARILLON_DRAIN_SECONDS, 25 by default
PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
OPENTELEMETRY = "OTEL_"


class ServiceProcess:
    """A service by name. Its methods block: from a coroutine, call them with `asyncio.to_thread`."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], port: int, folder: Path) -> None:
        """`port` is where /readyz is asked; what it prints and logs is appended to `folder`/`name`.log."""
        self.name = name
        self.module = module
        self.port = port
        self.log = folder.absolute() / f"{name}.log"
        self._environment = _inherited() | dict(environment)
        self._process: Owned | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Of the last run, once it ended; minus the signal's number if it was killed."""
        return self._process.exit_code if self._process and not self._process.alive() else None

    def start(self, patience: timedelta = START_PATIENCE) -> None:
        """Returns when /readyz answers 200. Raises StartFailedError with the log's last lines."""
        self.launch()
        self.await_ready(patience)

    def launch(self) -> None:
        """Start without waiting, so that several become ready at the same time."""
        if self.alive():
            raise StartFailedError(f"{self.name} runs already, as process {self.pid}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with unbroken():
            self._process = spawn([sys.executable, "-m", self.module], self._environment, self.log)

    def await_ready(self, patience: timedelta = START_PATIENCE) -> None:
        if self._process is None:
            raise StartFailedError(f"{self.name} was not started")
        await_ready(self.name, self._process, self.ready, patience, self.log)

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting; then `await_end`, so that several drain at the same time."""
        if self._process:
            self._process.signal(signal.SIGTERM)

    def stop(self, patience: timedelta = DRAIN_PATIENCE) -> int | None:
        """SIGTERM, and SIGKILL when it has not ended by then. Returns its exit code."""
        return self._process.end(patience) if self._process else None

    def await_end(self, patience: timedelta = DRAIN_PATIENCE) -> int | None:
        return self._process.await_end(patience) if self._process else None

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process:
            self._process.kill()

    def restart(self, patience: timedelta = DRAIN_PATIENCE) -> None:
        """Drain, then start again on the same port."""
        self.stop(patience)
        self.start()

    def alive(self) -> bool:
        return self._process is not None and self._process.alive()

    def ready(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def state(self) -> dict[str, int | str]:
        """What another process needs to end it: `Owned(pid, born)`."""
        process = self._process
        return {"pid": process.pid, "born": process.born, "port": self.port} if process else {}


def _inherited() -> dict[str, str]:
    """No CARILLON_* variable of the caller's gets through: a service refuses those it does not know."""
    kept = {name: said for name, said in os.environ.items() if name in PASSED_ON or name.startswith(OPENTELEMETRY)}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
