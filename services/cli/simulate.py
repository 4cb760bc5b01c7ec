"""`carillon simulate`: the provider simulators alone, in the foreground."""

import os
import sys

import typer

SETTINGS = {
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
    "add_help_option": False,  # the simulator describes its own options
}


def command(context: typer.Context) -> None:
    """Run the stand-ins for APNs and FCM in the foreground; `carillon simulate --help` lists their options."""
    os.execv(sys.executable, [sys.executable, "-m", "services.simulator", *context.args])  # noqa: S606  no shell is meant
