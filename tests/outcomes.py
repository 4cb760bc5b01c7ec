"""A plugin of pytest: `--outcomes FILE` writes `passed` or `failed` and the name of each test, a line each.

A session that ends by tests that failed, and by nothing else, exits with `ONLY_TESTS_FAILED` in place of 1.
"""

from pathlib import Path
from typing import Final

import pytest

ONLY_TESTS_FAILED: Final = 100


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, default=None, help="write what became of each test to this file")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("outcomes")
    if file is not None:
        config.pluginmanager.register(_Outcomes(file))


class _Outcomes:
    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or (report.passed and report.when == "call"):
            with self._file.open("a") as lines:
                lines.write(f"{report.outcome} {report.nodeid}\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """What goes wrong after this, a leak that is found at the very end, exits with 1 all the same."""
        if exitstatus == pytest.ExitCode.TESTS_FAILED:
            session.exitstatus = ONLY_TESTS_FAILED
