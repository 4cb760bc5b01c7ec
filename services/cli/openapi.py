"""`carillon openapi`: prints the OpenAPI document of the HTTP API."""

import os
import sys


def command() -> None:
    """Print the OpenAPI 3.1 document of the HTTP API, as GET /openapi.json answers it."""
    os.execv(sys.executable, [sys.executable, "-m", "services.ingest.openapi"])  # noqa: S606  no shell is meant
