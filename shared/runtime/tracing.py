"""Traces beside what travels (W3C Trace Context), by OpenTelemetry: off, and not loaded, unless its variables say so.

request ─▶ accept ─▶ plan ─▶ deliver ─▶ the provider's call        A send that is sampled keeps the trace of its
               kept in the send  └──▶ retry (linked) └─▶ result    acceptance; messages name the traces of their sends.

Only sends that are sampled are in a header or have a span, so what is not sampled costs nothing behind the door.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from shared.runtime.settings import SettingsError

TRACES: Final = "carillon-traces"
"""Header: a JSON object, for each sampled send that the message is about its trace."""
LONGEST: Final = 64_000
"""Bytes of that header. Headers are one frame, and over one of more than 128 KiB the broker ends the connection."""
EXPORTER: Final = "OTEL_TRACES_EXPORTER"
DISABLED: Final = "OTEL_SDK_DISABLED"
PROTOCOL: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN: Final = "http/protobuf"

Trace = str
"""A `traceparent`; behind a space the `tracestate`, if there is one."""
Traces = Mapping[str, Trace]
"""By the key of the send."""
Value = str | bool | int | float
Kind = Literal["server", "consumer", "client", "internal"]
NONE: Final[Traces] = {}
_carried: ContextVar[Traces] = ContextVar("carried", default=NONE)


@dataclass(frozen=True, slots=True)
class Step:
    """What one span is to be: of which send, under which span, linked with which."""

    send: str
    parent: Trace
    links: tuple[Trace, ...] = ()
    attributes: Mapping[str, Value] = field(default_factory=dict)


class Open(Protocol):
    """Spans that are open."""

    def tell(self, number: int, attributes: Mapping[str, Value]) -> None:
        """Something about the span of that step."""
        ...


class Tracing(Protocol):
    """Lives as long as the process."""

    def door(
        self, name: str, kind: Kind, headers: Mapping[str, object], attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Open]:
        """A span for what somebody asks of us, under the caller's if the headers name one that can be read."""
        ...

    def accepting(self, send: str) -> AbstractContextManager[Trace | None]:
        """A span for a send under what was asked; its trace, if it is sampled."""
        ...

    def steps(self, name: str, kind: Kind, steps: Sequence[Step]) -> AbstractContextManager[Open]:
        """A span for each, at the same time; what is published meanwhile carries their traces."""
        ...

    def close(self) -> None:
        """Hands over what was not yet."""
        ...


@contextlib.contextmanager
def carrying(traces: Traces) -> Iterator[None]:
    """What is published inside names these traces."""
    before = _carried.set(traces)
    try:
        yield
    finally:
        _carried.reset(before)


def carried() -> Traces:
    """The traces of what this task is at."""
    return _carried.get()


def header(traces: Traces | None = None) -> dict[str, str | int] | None:
    """The header that names these traces, or those of what this task is at."""
    known = _carried.get() if traces is None else traces
    text = json.dumps(dict(known), separators=(",", ":")) if known else ""
    return {TRACES: text} if 0 < len(text) <= LONGEST else None


def brought(headers: Iterable[Mapping[str, object]]) -> dict[str, Trace]:
    """The traces that messages name. Whatever cannot be read is no trace."""
    found: dict[str, Trace] = {}
    for one in headers:
        text = one.get(TRACES)
        if isinstance(text, str):
            with contextlib.suppress(ValueError):
                said = json.loads(text)
                found |= {k: v for k, v in said.items() if isinstance(v, str)} if isinstance(said, dict) else {}
    return found


def context(trace: Trace) -> dict[str, str]:
    """A trace in the headers of W3C Trace Context itself, for whoever is not ours; nothing if there is none."""
    parent, _, state = trace.partition(" ")
    return {name: said for name, said in (("traceparent", parent), ("tracestate", state)) if said}


def ended(tracing: Tracing | None, traces: Traces, sends: Iterable[str]) -> None:
    """A span without length where a sampled send has come to its end."""
    if tracing is not None and traces:
        with tracing.steps("finished", "internal", [Step(key, traces[key]) for key in sends if key in traces]):
            pass


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether spans are to be exported. Raises `SettingsError` for an exporter or a protocol that there is not."""
    exporter = environ.get(EXPORTER, "").strip().lower()
    if exporter in {"", "none"} or environ.get(DISABLED, "").strip().lower() == "true":
        return False
    if exporter != "otlp":
        raise SettingsError(f"{EXPORTER}: otlp or none, not {exporter}")
    for name in PROTOCOL:
        if environ.get(name, SPOKEN) != SPOKEN:
            raise SettingsError(f"{name}: only {SPOKEN} is spoken")
    return True


@contextlib.contextmanager
def open_tracing(service: str, environ: Mapping[str, str]) -> Iterator[Tracing | None]:
    """The process's traces, handed over at the end; None if they are off. Raises `SettingsError`."""
    if not wanted(environ):
        yield None
        return
    try:
        from shared.runtime.spans import open_spans  # noqa: PLC0415  # nobody pays for it who does not use it
    except ImportError as error:
        message = f"{EXPORTER}: the packages of the extra `tracing` are not installed ({error.name})"
        raise SettingsError(message) from error
    tracing = open_spans(service)
    try:
        yield tracing
    finally:
        tracing.close()
