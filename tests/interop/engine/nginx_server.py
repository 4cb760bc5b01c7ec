"""nginx: reads each body whole through a proxy to itself, and books every request in its access log."""

from collections.abc import Sequence

from tests.installed import program
from tests.interop.engine.demand import DEAD_BODY, GONE, RESET_OF_TEN, Demand, Served, booked
from tests.interop.engine.far_end import Place, Server

CONFIGURATION = """daemon off;
master_process off;
pid {place}/pid;
error_log {place}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format book '$arg_n $connection $status $upstream_http_x_size';
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    client_body_buffer_size 64k;
    http2_max_concurrent_streams {streams};
    http2_body_preread_size {window};
    keepalive_requests {requests};
    upstream itself {{ server unix:{place}/itself; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        access_log {place}/book book;
        location / {{
            {also}
            proxy_pass http://itself; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
    server {{
        listen unix:{place}/itself backlog=2048;
        access_log off;
        keepalive_requests 1000000;
        add_header X-Size $content_length always;
        default_type application/json;
        location / {{ return 200 '{{}}'; }}
        location /dead {{ return {gone} '{dead}'; }}
    }}
}}
"""
RESET = f"if ($arg_n ~ {RESET_OF_TEN}$) {{ return 444; }}"  # nginx's own: no answer
NO_ANSWER = 444
WORD = 4000  # its configuration has words of 4,096 bytes at most


def command(demand: Demand, place: Place) -> Sequence[str]:
    also = RESET if demand.resets else ""
    if demand.header:
        also += f' add_header X-Large "{"x" * WORD}" always;' * (demand.header // WORD)
    file = place.folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(
            place=place.folder,
            port=place.port,
            certificate=place.certificate,
            key=place.key,
            streams=demand.streams,
            window=demand.window or 65_535,
            requests=demand.goaway_after or 1_000_000,
            also=also,
            gone=GONE,
            dead=DEAD_BODY.decode(),
        )
    )
    nginx = program("nginx")
    return [nginx, "-c", str(file), "-p", str(place.folder), "-e", str(place.folder / "error.log")]


def served(place: Place) -> list[Served]:
    rows = booked((place.folder / "book").read_text())
    return [Served(row.number, row.connection, row.status % NO_ANSWER, row.size) for row in rows]


NGINX = Server("nginx", command, served, breaks="reset_protocol_error")
