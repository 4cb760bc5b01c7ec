"""Every service tells its settings and refuses those that it does not know, before it reaches for anything."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.cli.local.places import ROOT
from services.delivery.settings import DeliverySettings
from services.ingest.settings import IngestSettings
from services.planner.settings import PlannerSettings
from services.reporter.settings import ReporterSettings
from services.simulator import settings as simulator
from shared.providers.registry import platforms, provider
from shared.runtime import settings

ENDPOINTS = [provider(platform).Endpoints for platform in platforms()]
MODELS: Mapping[str, tuple[str, list[type[BaseModel]]]] = {
    "delivery": (settings.PREFIX, [DeliverySettings, *ENDPOINTS]),
    "ingest": (settings.PREFIX, [IngestSettings]),
    "planner": (settings.PREFIX, [PlannerSettings]),
    "reporter": (settings.PREFIX, [ReporterSettings]),
    "simulator": (simulator.PREFIX, [simulator.Settings]),
}
"""By service: what its variables begin with, and where they are defined."""
WRONG = 2


def run(service: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"services.{service}", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "1000", **variables},
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=20,
        check=False,
    )


def default(field: FieldInfo) -> str:
    """As a person would type it; empty where there is none."""
    value = field.default
    if value is PydanticUndefined or not value:
        return str(value) if value == 0 and value is not PydanticUndefined else ""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_every_service_is_tested_here() -> None:
    runnable = {file.parent.name for file in (ROOT / "services").glob("*/__main__.py")}
    assert set(MODELS) == runnable - {"cli"}


@pytest.mark.parametrize("service", MODELS)
def test_help_lists_every_setting_with_its_default_and_what_it_is_for(service: str) -> None:
    prefix, models = MODELS[service]
    done = run(service, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {found[0]: line for line in done.stdout.splitlines() if (found := re.search(rf"{prefix}\w+", line))}
    fields = {prefix + name.upper(): field for model in models for name, field in model.model_fields.items()}
    assert set(lines) == set(fields)
    for name, field in fields.items():
        assert default(field) in lines[name], name
        assert field.description
        assert field.description in lines[name], name


@pytest.mark.parametrize("service", MODELS)
def test_a_variable_that_a_service_does_not_know_stops_its_start_with_its_name(service: str) -> None:
    unknown = f"{MODELS[service][0]}COLOUR"
    done = run(service, **{unknown: "green-as-grass"})
    assert done.returncode == WRONG
    assert re.search(unknown, done.stderr)
    assert "green-as-grass" not in done.stderr
    assert done.stdout == ""


def test_delivery_does_not_start_without_a_platform_or_for_one_that_there_is_not() -> None:
    for variables in ({}, {"CARILLON_PLATFORM": "pigeon"}):
        done = run("delivery", **variables)
        assert done.returncode == WRONG
        assert "CARILLON_PLATFORM" in done.stderr


def test_delivery_refuses_the_addresses_of_another_platforms_provider() -> None:
    done = run("delivery", CARILLON_PLATFORM="apns", CARILLON_FCM_URL="https://localhost:1")
    assert done.returncode == WRONG
    assert "CARILLON_FCM_URL" in done.stderr


def test_every_setting_that_is_wrong_is_named_at_once_and_none_is_shown() -> None:
    done = run("planner", CARILLON_CHUNK_SIZE="many", CARILLON_TIME_SCALE="-7.25", CARILLON_LOG_LEVEL="loud")
    assert done.returncode == WRONG
    for name in ("CARILLON_CHUNK_SIZE", "CARILLON_TIME_SCALE", "CARILLON_LOG_LEVEL"):
        assert name in done.stderr
    assert "many" not in done.stderr
    assert "-7.25" not in done.stderr
