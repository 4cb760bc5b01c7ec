"""Traces are off unless the standard variables say otherwise, and then nothing of OpenTelemetry is loaded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.delivery import traced
from shared.runtime.settings import SettingsError
from shared.runtime.tracing import NONE, TRACES, brought, carried, carrying, header, open_tracing, wanted

ROOT = Path(__file__).parents[3]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SERVICES = ("ingest", "planner", "delivery", "reporter")


@pytest.mark.parametrize("said", [{}, {"OTEL_TRACES_EXPORTER": ""}, {"OTEL_TRACES_EXPORTER": "none"},
                                  {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"},
                                  {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}])  # fmt: skip
def test_it_is_off_unless_an_exporter_is_named(said: dict[str, str]) -> None:
    assert not wanted(said)
    with open_tracing("ingest", said) as tracing:
        assert tracing is None


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ],
)
def test_what_is_not_spoken_stops_the_start_by_its_name(said: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        wanted(said)


def test_off_no_service_loads_it() -> None:
    wirings = "\n".join(f"import services.{name}.wiring" for name in SERVICES)
    program = f"""
import sys
{wirings}
from shared.runtime.tracing import open_tracing
with open_tracing("ingest", {{}}) as tracing:
    print(tracing, [name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603  # our own words
    assert done.stdout == "None []\n"


def test_a_message_names_the_traces_of_what_is_worked() -> None:
    assert header() is None
    with carrying({"app.send": TRACE}):
        said = header()
        assert brought([said or {}]) == {"app.send": TRACE} == carried()
    assert carried() is NONE
    assert header({}) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", b"{}", 7, None, '{"app.send": 7}', '"x"'])
def test_a_header_that_cannot_be_read_is_no_trace(text: object) -> None:
    assert brought([{TRACES: text}, {}]) == {}


def test_headers_of_several_messages_are_taken_together() -> None:
    some = [{TRACES: json.dumps({"a": TRACE})}, {TRACES: json.dumps({"b": TRACE})}]
    assert brought(some) == {"a": TRACE, "b": TRACE}


def test_without_sampled_sends_headers_are_not_even_read() -> None:
    assert traced.chunks([], [{TRACES: "{"}], again=False) == []


def test_a_header_stays_within_a_frame_whatever_callers_put_into_their_trace() -> None:
    assert header({f"a.{n}": f"{TRACE} s={'x' * 8000}" for n in range(100)}) is None
    assert header({f"a.{n}": f"{TRACE} s={'x' * 200}" for n in range(100)}) is not None
