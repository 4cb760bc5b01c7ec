"""The only file that knows OpenTelemetry: spans by its SDK, exported as the standard variables say."""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.runtime.tracing import Kind, Step, Trace, Traces, Value, carrying
from shared.runtime.version import VERSION

MOST_LINKS: Final = 16
"""Of a span to the others that were worked together with it."""
HANDED_OVER_WITHIN: Final = 5.0
"""Seconds that the end of a process waits for whoever collects spans."""
KINDS: Final = {
    "server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER, "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
}  # fmt: skip
W3C: Final = TraceContextTextMapPropagator()


class Opened:
    """Spans that are open, by their number."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans

    def tell(self, number: int, attributes: Mapping[str, Value]) -> None:
        """Something about one of them."""
        self._spans[number].set_attributes(attributes)


class Spans:
    """Made by `open_spans`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("carillon", VERSION)

    @contextlib.contextmanager
    def door(
        self, name: str, kind: Kind, headers: Mapping[str, object], attributes: Mapping[str, Value]
    ) -> Iterator[Opened]:
        """Under the caller's span; whether it is sampled is the sampler's to say."""
        carrier = {one: said for one in W3C.fields if isinstance(said := headers.get(one), str)}
        span = self._tracer.start_span(name, W3C.extract(carrier, context=Context()), KINDS[kind], attributes)
        with _ending([span]), use_span(span, record_exception=False, set_status_on_exception=False):
            yield Opened([span])

    @contextlib.contextmanager
    def accepting(self, send: str) -> Iterator[Trace | None]:
        """Under the span of the door."""
        span = self._tracer.start_span("accept", attributes=_named(send))
        with _ending([span]):
            yield _trace(span)

    @contextlib.contextmanager
    def steps(self, name: str, kind: Kind, steps: Sequence[Step]) -> Iterator[Opened]:
        """Each in the trace of its own send; a bundle's are linked with each other."""
        parents = {step.send: step.parent for step in steps}
        spans = [self._step(name, kind, step, parents) for step in steps]
        traces = {step.send: trace for step, span in zip(steps, spans, strict=True) if (trace := _trace(span))}
        with _ending(spans), carrying(traces):
            yield Opened(spans)

    def close(self) -> None:
        """Who collects may not answer: the process ends all the same."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(HANDED_OVER_WITHIN)

    def _step(self, name: str, kind: Kind, step: Step, parents: Traces) -> Span:
        together = [trace for send, trace in parents.items() if send != step.send][:MOST_LINKS]
        links = [
            Link(get_current_span(_context(trace)).get_span_context())
            for trace in (*step.links[:MOST_LINKS], *together)
        ]
        return self._tracer.start_span(
            name, _context(step.parent), KINDS[kind], {**_named(step.send), **step.attributes}, links
        )


def open_spans(service: str) -> Spans:
    """Sampler, limits, batches, endpoint, headers and certificates are read from OTEL_… by the SDK itself."""
    ours = Resource({SERVICE_NAME: f"carillon-{service}", SERVICE_VERSION: VERSION})
    said = OTELResourceDetector().detect()
    provider = TracerProvider(resource=Resource.create().merge(ours).merge(said), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)


@contextlib.contextmanager
def _ending(spans: Sequence[Span]) -> Iterator[None]:
    """Ends them; what went wrong is told by its kind, as its text may name what is secret."""
    try:
        yield
    except BaseException as error:
        for span in spans:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        for span in spans:
            span.end()


def _named(send: str) -> dict[str, str]:
    app, _, id_ = send.partition(".")
    return {"carillon.app": app, "carillon.send": id_}


MOST_STATE: Final = 256
"""Characters of a `tracestate` that go on: a hundred of them have to fit into one frame of the broker's."""


def _trace(span: Span) -> Trace | None:
    if not span.get_span_context().trace_flags.sampled:
        return None
    carrier: dict[str, str] = {}
    W3C.inject(carrier, set_span_in_context(span, Context()))
    state = carrier.get("tracestate")
    return f"{carrier['traceparent']} {state}" if state and len(state) <= MOST_STATE else carrier["traceparent"]


def _context(trace: Trace) -> Context:
    parent, _, state = trace.partition(" ")
    return W3C.extract({"traceparent": parent, "tracestate": state} if state else {"traceparent": parent}, Context())
