"""All of Carillon's processes and the simulator, against a broker and a store that run already."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from services.cli.local.ports import free_port, free_ports
from services.cli.local.processes import ServiceProcess
from services.cli.local.services import LISTENERS, WAVES, Entry, Site, environment

TIME_SCALE = 60.0  # delays, pauses and windows on a person's or a test's time


class Fleet:
    """Processes by name, in `processes`; they may be killed, stopped and started one by one."""

    def __init__(  # noqa: PLR0913  four of them are for those who want it otherwise
        self,
        folder: Path,
        amqp_url: str,
        mongodb_url: str,
        *,
        database: str = "carillon",
        time_scale: float = TIME_SCALE,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        waves: Sequence[Sequence[Entry]] = WAVES,
    ) -> None:
        """`extra`: more variables by service, without their prefix (`{"reporter": {"LOG_LEVEL": "debug"}}`)."""
        ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        self.site = Site(amqp_url, mongodb_url, database, folder.absolute(), time_scale, ports)
        self._extra = extra or {}
        self.waves = [[self._process(entry) for entry in wave] for wave in waves]
        self.processes = {process.name: process for wave in self.waves for process in wave}

    @property
    def api(self) -> str:
        """The address of ingest's HTTP API."""
        return self.processes["ingest"].url

    @property
    def control(self) -> str:
        """The address of the simulator's control port."""
        return self.processes["simulator"].url

    @property
    def admin_key(self) -> str:
        """Known once ingest was ready for the first time."""
        return self.site.admin_key_file.read_text("utf-8").strip()

    def start(self, launched: Callable[[], None] = lambda: None) -> None:
        """Returns when all are ready; `launched` is called whenever there are new processes."""
        (self.site.folder / "keys").mkdir(parents=True, exist_ok=True, mode=0o700)
        for wave in self.waves:
            for process in wave:
                process.launch()
            launched()
            for process in wave:
                process.await_ready()

    def stop(self) -> dict[str, int | None]:
        """Drain them all at the same time; returns the exit codes by name."""
        for process in self.processes.values():
            process.ask_to_stop()
        return {name: process.await_end() for name, process in self.processes.items()}

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()

    def another(self, name: str, number: int = 2) -> ServiceProcess:
        """One more replica of a service, not started yet; it stops with the others."""
        entry = next(entry for wave in WAVES for entry in wave if entry.name == name)
        process = self._process(replace(entry, name=f"{name}-{number}"), extra=self._extra.get(name, {}))
        self.processes[process.name] = process
        return process

    def _process(self, entry: Entry, extra: Mapping[str, str] | None = None) -> ServiceProcess:
        port = free_port()
        variables = environment(entry, self.site, port, extra or self._extra.get(entry.name, {}))
        return ServiceProcess(entry.name, entry.module, variables, port, self.site.folder / "log")
