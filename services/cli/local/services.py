"""Carillon's services as data: which processes a whole has, and which variables each is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.local.ports import LOOPBACK

PREFIX = "CARILLON_"
COMMON = ("AMQP_URL", "MONGODB_URL", "DATABASE", "KEYRING_FILE", "TIME_SCALE", "LOG_LEVEL", "HTTP_HOST")


@dataclass(frozen=True, slots=True)
class Entry:
    """A process: its module, the variables it is given, those with a value of its own, and the one of its port."""

    name: str
    module: str
    variables: tuple[str, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)
    port: str = "HTTP_PORT"


SIMULATOR = Entry(
    "simulator",
    "services.simulator",
    ("SIMULATOR_CA_FILE", "SIMULATOR_LOG_FOLDER", "SIMULATOR_PORTS"),
    port="SIMULATOR_CONTROL_PORT",
)
INGEST = Entry("ingest", "services.ingest", (*COMMON, "ADMIN_KEY_FILE"))
PLANNER = Entry("planner", "services.planner", COMMON)
DELIVERY_APNS = Entry(
    "delivery-apns",
    "services.delivery",
    (*COMMON, "PROVIDER_CA_FILE", "APNS_PRODUCTION_URL", "APNS_SANDBOX_URL"),
    {"PLATFORM": "apns"},
)
DELIVERY_FCM = Entry(
    "delivery-fcm",
    "services.delivery",
    (*COMMON, "PROVIDER_CA_FILE", "FCM_URL", "FCM_TOKEN_URL"),
    {"PLATFORM": "fcm"},
)
REPORTER = Entry("reporter", "services.reporter", COMMON)

WAVES = ((SIMULATOR, INGEST), (PLANNER, DELIVERY_APNS, DELIVERY_FCM, REPORTER))
"""Ready one after the other: the simulator's first start makes the CA that delivery reads, ingest's makes the keys."""


@dataclass(frozen=True, slots=True)
class Site:
    """What is the same for every process of one whole."""

    amqp_url: str
    mongodb_url: str
    database: str
    folder: Path
    time_scale: float
    provider_ports: Mapping[str, int]  # by listener of the simulator

    @property
    def ca_file(self) -> Path:
        return self.folder / "simulator" / "ca.pem"

    @property
    def admin_key_file(self) -> Path:
        return self.folder / "keys" / "admin.key"

    def values(self) -> dict[str, str]:
        """Every variable's value, by its name without the prefix."""
        ports = self.provider_ports
        return {
            "AMQP_URL": self.amqp_url,
            "MONGODB_URL": self.mongodb_url,
            "DATABASE": self.database,
            "KEYRING_FILE": str(self.folder / "keys" / "keyring"),
            "ADMIN_KEY_FILE": str(self.admin_key_file),
            "TIME_SCALE": f"{self.time_scale:g}",
            "LOG_LEVEL": "info",
            "HTTP_HOST": LOOPBACK,
            "PROVIDER_CA_FILE": str(self.ca_file),
            "APNS_PRODUCTION_URL": f"https://{LOOPBACK}:{ports['apns.production']}",
            "APNS_SANDBOX_URL": f"https://{LOOPBACK}:{ports['apns.sandbox']}",
            "FCM_URL": f"https://{LOOPBACK}:{ports['fcm']}",
            "FCM_TOKEN_URL": f"https://{LOOPBACK}:{ports['fcm']}/token",
            "SIMULATOR_CA_FILE": str(self.ca_file),
            "SIMULATOR_LOG_FOLDER": str(self.folder / "simulator"),
            "SIMULATOR_PORTS": ",".join(f"{listener}={port}" for listener, port in ports.items()),
        }


LISTENERS = ("apns.production", "apns.sandbox", "fcm")


def environment(entry: Entry, site: Site, port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of one process; `extra` (names without the prefix) wins."""
    values = site.values()
    given = {name: values[name] for name in entry.variables} | dict(entry.fixed) | {entry.port: str(port)}
    return {PREFIX + name: value for name, value in (given | dict(extra)).items()}
