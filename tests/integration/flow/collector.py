"""A collector of traces: takes OTLP over HTTP as a real one does, and says what came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Seen:
    """One span; ids in hexadecimal digits."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    state: str
    links: tuple[tuple[str, str], ...]
    """Trace and span."""
    attributes: dict[str, Any] = field(compare=False)
    seconds: float = 0.0


class Collector:
    """What came so far, in the order in which it was exported."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.paths: set[str] = set()

    def of(self, trace: str) -> list[Seen]:
        """The spans of a trace."""
        return [span for span in self.spans if span.trace == trace]

    def take(self, path: str, body: bytes) -> None:
        """One export."""
        self.paths.add(path)
        said = ExportTraceServiceRequest.FromString(body)
        for resource in said.resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_seen(named["service.name"], span) for span in scope.spans]


def _seen(service: str, span: Any) -> Seen:
    values = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    links = tuple((one.trace_id.hex(), one.span_id.hex()) for one in span.links)
    seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    return Seen(
        service, span.name, span.kind, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
        span.trace_state, links, values, seconds,
    )  # fmt: skip


@contextmanager
def running_collector() -> Iterator[tuple[Collector, str]]:
    """The collector and its address."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
