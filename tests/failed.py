"""A plugin of pytest: `--failed FILE` writes the names of the tests that failed, a line each."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failed", type=Path, default=None, help="write the names of failed tests to this file")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("failed")
    if file is not None:
        config.pluginmanager.register(_Failed(file))


class _Failed:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._names[report.nodeid] = None
            self._file.write_text("".join(f"{one}\n" for one in self._names))
