"""What every test stands on: anyio's plugin, on asyncio alone."""

import pytest
from hypothesis import settings

settings.register_profile("carillon", deadline=None)  # a busy machine is no failure
settings.load_profile("carillon")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
