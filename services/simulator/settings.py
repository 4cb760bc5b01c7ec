"""The simulator's settings: environment variables under CARILLON_SIMULATOR_, and flags of the same names over them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PREFIX = "CARILLON_SIMULATOR_"
Port = int


class Settings(BaseModel):
    """Where to listen and where to write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    providers: tuple[str, ...] = Field(default=("apns", "fcm"), description="which providers to stand in for")
    host: str = Field(default="127.0.0.1", description="address of every port; the control port has no password")
    control_port: Port = Field(default=0, ge=0, le=65_535, description="HTTP control port; 0: any free one")
    ports: dict[str, Port] = Field(
        default={}, description="TLS ports by listener, e.g. apns.production=2197,fcm=8443; others: any free one"
    )
    names: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "::1"), description="names and addresses in the server certificate"
    )
    ca_file: Path = Field(default=Path("build/simulator/ca.pem"), description="where the CA certificate is written")
    log_folder: Path = Field(default=Path("build/simulator"), description="where the request and device logs go")

    @field_validator("providers", "names", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("ports", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): port.strip() for name, _, port in pairs}


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Settings of this start. Exits like argparse, naming the setting, if one is unknown or wrong."""
    parser = _parser()
    flags = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    variables = {
        name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)
    }
    for name in variables.keys() - Settings.model_fields.keys():
        parser.error(f"unknown setting in the environment: {PREFIX}{name.upper()}")
    try:
        return Settings.model_validate({**variables, **flags})
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        parser.error("; ".join(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="carillon simulate",
        description="Stand in for push providers. Prints one JSON line with all addresses when ready.",
    )
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = ",".join(default) if isinstance(default, tuple) else default or "none" if default != 0 else 0
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            help=f"{field.description} (default {shown}; environment {PREFIX}{name.upper()})".replace("%", "%%"),
        )
    return parser
