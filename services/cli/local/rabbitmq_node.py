"""How a RabbitMQ node of its own is told apart from every other: its identity, files and environment, as data."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from services.cli.local.ports import LOOPBACK, free_ports

USER = "carillon"
VHOST = "carillon"
DISTRIBUTION_ON_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"
NO_BUSY_WAITING = "+sbwt none +sbwtdcpu none +sbwtdio none"
"""Schedulers that spin for work take it from whoever shares their cores (RabbitMQ, Runtime Tuning)."""


def fresh_identity() -> dict[str, int | str]:
    port, epmd_port, dist_port = free_ports(3)
    return {
        "node": f"carillon-{secrets.token_hex(4)}@localhost",
        "password": secrets.token_urlsafe(18),
        "cookie": secrets.token_hex(24),
        "port": port,
        "epmd_port": epmd_port,
        "dist_port": dist_port,
    }


def write_files(folder: Path, identity: Mapping[str, int | str]) -> None:
    for name in ("log", "home"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    cookie = folder / "home" / ".erlang.cookie"
    if not cookie.exists():
        cookie.touch(mode=0o600)
        cookie.write_text(str(identity["cookie"]), "utf-8")
        cookie.chmod(0o400)  # Erlang refuses one that others may read
    (folder / "plugins").write_text("[].\n", "utf-8")  # rabbitmq_prometheus adds 5 s to every stop
    config = folder / "rabbitmq.conf"
    config.touch(mode=0o600)
    config.write_text("".join(f"{name} = {value}\n" for name, value in _config(identity).items()), "utf-8")


def _config(identity: Mapping[str, int | str]) -> dict[str, str]:
    return {
        "listeners.tcp.local": f"{LOOPBACK}:{identity['port']}",
        "default_user": USER,  # in the place of guest, which is not made then
        "default_pass": str(identity["password"]),
        "default_vhost": VHOST,
        "disk_free_limit.absolute": "200MB",
        "vm_memory_high_watermark.absolute": "1GB",
        "raft.wal_max_size_bytes": "67108864",  # 64 MiB in the place of 512
        "log.console": "false",
    }


def environment(folder: Path, identity: Mapping[str, int | str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",  # rabbitmqctl warns without UTF-8
        "HOME": str(folder / "home"),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(identity["epmd_port"]),
        "RABBITMQ_NODENAME": str(identity["node"]),
        "RABBITMQ_DIST_PORT": str(identity["dist_port"]),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),  # not the machine's own /etc/rabbitmq
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SCHEDULER_BIND_TYPE": "u",  # several stacks on few cores: bound schedulers would share one
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{DISTRIBUTION_ON_LOOPBACK} {NO_BUSY_WAITING}",
        "RABBITMQ_CTL_ERL_ARGS": DISTRIBUTION_ON_LOOPBACK,
        "RUNNING_UNDER_SYSTEMD": "1",  # the start script becomes the broker: one pid, SIGTERM goes straight to it
    }
