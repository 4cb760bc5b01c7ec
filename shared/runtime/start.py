"""The start of every service: `--help`, settings, logs, then its `main` until SIGTERM."""

import gc
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, NoReturn, TypeVar

import structlog
from pydantic import BaseModel

from shared.runtime.life import Life, Loop, run
from shared.runtime.logs import open_logs
from shared.runtime.settings import Common, SettingsError, help_text, read
from shared.runtime.tracing import Tracing, open_tracing
from shared.runtime.version import VERSION

C = TypeVar("C", bound=Common)

WRONG_USAGE = 2
COLLECT = (20_000, 20, 20)
"""When the cycle collector looks: what services make is freed by counting references, and each look at it all costs
more than many sends do."""


@dataclass(frozen=True, slots=True)
class Process(Generic[C]):
    """What a service's `main` gets."""

    settings: C
    extras: tuple[BaseModel, ...]
    """An instance of each model that was passed as `extra`."""
    life: Life
    tracing: Tracing | None = None
    """None: nobody wants to know."""


def start(  # noqa: PLR0913  # argv and environ are there for tests
    service: str,
    settings: type[C],
    main: Callable[[Process[C]], Awaitable[None]],
    *,
    about: str,
    extra: Sequence[type[BaseModel]] = (),
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    loop: Loop | None = None,
) -> NoReturn:
    """Run a service as a process and exit: 0, 1 if it failed, 2 if its settings are wrong."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments:
        _answer(arguments, service, about, (settings, *extra))
    environ = os.environ if environ is None else environ
    with ExitStack() as stack:
        try:
            values, extras = read(settings, environ, extra=extra)
            tracing = stack.enter_context(open_tracing(service, environ))
        except SettingsError as error:
            sys.stderr.write(f"carillon {service} does not start:\n{error}\n")
            sys.exit(WRONG_USAGE)
        gc.freeze()
        gc.set_threshold(*COLLECT)
        with open_logs(service=service, level=values.log_level):
            structlog.get_logger().info("starting", version=VERSION, time_scale=values.time_scale)
            drain = timedelta(seconds=values.drain_seconds)
            code = run(lambda life: main(Process(values, extras, life, tracing)), drain=drain, loop=loop)
    sys.exit(code)


def _answer(arguments: Sequence[str], service: str, about: str, models: Sequence[type[BaseModel]]) -> NoReturn:
    if list(arguments) == ["--version"]:
        sys.stdout.write(f"carillon {VERSION}\n")
        sys.exit(0)
    asked = list(arguments) in (["--help"], ["-h"])
    text = f"carillon {service}: {about}\n\nIts settings are environment variables:\n\n{help_text(*models)}\n"
    (sys.stdout if asked else sys.stderr).write(text)
    sys.exit(0 if asked else WRONG_USAGE)
