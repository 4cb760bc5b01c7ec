"""Reads a service's settings from CARILLON_* variables, once; a wrong one stops the start with its name."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_origin, overload

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

PREFIX: Final = "CARILLON_"

S = TypeVar("S", bound=BaseModel)
E = TypeVar("E", bound=BaseModel)


class SettingsError(Exception):
    """Do not start: the text names every variable that is wrong, and shows no value."""


class Settings(BaseModel):
    """Settings of one service: a field `send_rate` is the variable CARILLON_SEND_RATE; each says what it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Common(Settings):
    """What every service has."""

    amqp_url: str = Field(
        default="amqp://guest:guest@127.0.0.1:5672/", repr=False, description="RabbitMQ; amqps:// for TLS"
    )
    mongodb_url: str = Field(
        default="mongodb://127.0.0.1:27017/?replicaSet=carillon", repr=False, description="MongoDB, a replica set"
    )
    database: str = Field(default="carillon", description="name of the database", min_length=1)
    keyring_file: Path = Field(
        default=Path("carillon.keyring"),
        description="keys that encrypt credentials; made by the first start, mode 0600",
    )
    time_scale: float = Field(
        default=1, gt=0, description="divides every delay, pause and window, never a deadline; for demo and tests"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level logged")
    http_host: str = Field(default="127.0.0.1", description="address that the HTTP server binds")
    http_port: int = Field(default=8080, ge=0, le=65535, description="port of the HTTP server; 0 takes a free one")
    drain_seconds: float = Field(
        default=25, gt=0, description="time to finish what is in flight after SIGTERM; keep it under the pod's grace"
    )


@overload
def read(settings: type[S], environ: Mapping[str, str]) -> S: ...


@overload
def read(settings: type[S], environ: Mapping[str, str], *, extra: Sequence[type[E]]) -> tuple[S, tuple[E, ...]]: ...


def read(
    settings: type[S], environ: Mapping[str, str], *, extra: Sequence[type[BaseModel]] | None = None
) -> S | tuple[S, tuple[BaseModel, ...]]:
    """The settings, and with `extra` (say, a provider's endpoints) an instance of each of those too.

    An empty variable counts as not set. Raises `SettingsError`.
    """
    models: list[type[BaseModel]] = [settings, *(extra or ())]
    problems = _unknown(models, environ)
    made: list[BaseModel] = []
    for model in models:
        try:
            made.append(model.model_validate(_given(model, environ)))
        except ValidationError as error:
            problems += _wrong(model, error)
    if problems:
        raise SettingsError("\n".join(problems))
    first = made[0]
    if not isinstance(first, settings):
        raise TypeError(f"{settings} makes {type(first)}")
    return (first, tuple(made[1:])) if extra is not None else first


def help_text(*models: type[BaseModel]) -> str:
    """The variables with their defaults and descriptions, as a table for `--help`."""
    rows = [(variable(name), _default(field), field.description or "") for m in models for name, field in _fields(m)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {name:<{widths[0]}}  {default:<{widths[1]}}  {text}" for name, default, text in rows)


def variable(field: str) -> str:
    """The variable of a field."""
    return PREFIX + field.upper()


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return list(model.model_fields.items())


def _unknown(models: Sequence[type[BaseModel]], environ: Mapping[str, str]) -> list[str]:
    known = [variable(name) for model in models for name, _ in _fields(model)]
    problems = []
    for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in known):
        near = difflib.get_close_matches(name, known, n=1)
        problems.append(f"{name}: there is no such setting{f'; is {near[0]} meant?' if near else ''}")
    return problems


def _given(model: type[BaseModel], environ: Mapping[str, str]) -> dict[str, Any]:
    given = {name: (environ.get(variable(name), ""), field) for name, field in _fields(model)}
    return {name: _parsed(text, field) for name, (text, field) in given.items() if text}


def _parsed(text: str, field: FieldInfo) -> Any:
    """Several values are separated by commas."""
    several = get_origin(field.annotation) in (tuple, list, frozenset, set)
    return [part.strip() for part in text.split(",") if part.strip()] if several else text


def _wrong(model: type[BaseModel], error: ValidationError) -> list[str]:
    problems = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(one["loc"][0]) if one["loc"] else ""
        field = model.model_fields.get(name)
        where = variable(name) if field else model.__name__
        # a validator of our own may repeat the value in its words
        text = "is not valid" if field is not None and _secret(field) and one["type"] != "missing" else one["msg"]
        problems.append(f"{where}: {text}")
    return problems


def _secret(field: FieldInfo) -> bool:
    return not field.repr or field.annotation is SecretStr


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value is None else str(value)
