"""What every test stands on: anyio's plugin, on asyncio alone."""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure.
settings.register_profile("carillon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("carillon")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
