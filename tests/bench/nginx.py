"""nginx as the far end: somebody else's server, which counts requests by itself."""

import http.client
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.cli.local.owned import wait_until
from services.cli.local.ports import LOOPBACK, free_ports
from tests.bench import installed
from tests.bench.figures import MeasureError, folder
from tests.bench.processes import end, environment, pinned
from tests.bench.sink import Certificate

PATIENCE: Final = timedelta(seconds=10)
# As many requests to a connection as there are: by default nginx says goodbye after 1,000.
CONFIGURATION: Final = """daemon off;
master_process off;
worker_processes 1;
pid {place}/pid;
error_log {place}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    keepalive_requests 100000000; keepalive_time 1h;
    http2_max_concurrent_streams 1000;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{ return 200; }}
    }}
    server {{
        listen 127.0.0.1:{status};
        location / {{ stub_status; }}
    }}
}}
"""
REQUESTS: Final = re.compile(rb"^ \d+ \d+ (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx. `running` ends it."""

    address: str
    status: int

    def requests(self) -> int:
        """How many it has answered, this question among them."""
        connection = http.client.HTTPConnection(LOOPBACK, self.status, timeout=5)
        try:
            connection.request("GET", "/")
            found = REQUESTS.search(connection.getresponse().read())
        finally:
            connection.close()
        if found is None:
            raise MeasureError("nginx does not say how many requests it answered")
        return int(found[1])

    def answers(self) -> bool:
        try:
            return self.requests() > 0
        except OSError:
            return False


@contextmanager
def running(certificate: Certificate, core: int) -> Iterator[Nginx]:
    """One worker on one core for as long as the block runs."""
    port, status = free_ports(2)
    place = folder("nginx")
    file = place / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(
            place=place, port=port, status=status, certificate=certificate.certificate, key=certificate.key
        )
    )
    argv = pinned(core, [installed.nginx(), "-c", str(file), "-p", str(place), "-e", str(place / "error.log")])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    try:
        far = Nginx(f"{LOOPBACK}:{port}", status)
        if not wait_until(lambda: process.poll() is not None or far.answers(), PATIENCE) or process.poll() is not None:
            raise MeasureError(f"nginx did not start:\n{end(process)}")
        yield far
    finally:
        end(process)
