"""Free TCP ports on loopback, below the range from which the kernel takes the near ends of outgoing connections.

So a port that was chosen stays free until its server starts, and again while the server is stopped.
"""

import random
import socket

from services.cli.local.errors import StartFailedError

LOOPBACK = "127.0.0.1"
RANGE = range(20_000, 32_000)  # /proc/sys/net/ipv4/ip_local_port_range starts at 32768

_taken: set[int] = set()
"""By this process, for servers that may not listen yet: two of 20 random ports are the same in one of 60 runs."""


def free_ports(count: int) -> tuple[int, ...]:
    """That many ports that nothing listens on now and that nobody in this process was given before."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(RANGE, len(RANGE)):
        if port not in _taken and is_free(port):
            chosen.append(port)
        if len(chosen) == count:
            _taken.update(chosen)
            return tuple(chosen)
    raise OSError(f"no {count} free ports in {RANGE}")


def free_port() -> int:
    return free_ports(1)[0]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT can be listened on
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def require_free(*ports: int) -> None:
    """For a server that keeps its ports from start to start. Raises StartFailedError."""
    for port in ports:
        if not is_free(port):
            raise StartFailedError(
                f"port {port}, which was free before, is taken now; `carillon down --wipe` forgets it"
            )
