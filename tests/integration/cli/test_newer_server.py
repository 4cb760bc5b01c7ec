"""The command against a server that is newer than itself: what it does not know it passes over, however deep."""

import json

import pytest

from services.cli.api import open_api
from tests.integration.client.far_end import far_end, said, stream

pytestmark = pytest.mark.anyio
REPORT = {"state": "finished", "total": {"planned": 2, "newer": 1}, "newer": 1}
STATUS = {
    "id": "0123456789", "state": "finished", "lane": "now", "accepted_at": "2030-01-01T00:00:00Z",
    "deadline": "2030-01-02T00:00:00Z", "report": REPORT, "newer": 1,
}  # fmt: skip


async def test_fields_of_a_newer_server_are_passed_over() -> None:
    event = f"id: 1\nevent: finished\ndata: {json.dumps(STATUS)}\n\n".encode()
    async with far_end([said(200, STATUS), said(200, STATUS), stream(event)]) as here, open_api(here.url, "key") as api:
        assert (await api.status("0123456789")).report.total.planned == 2
        assert (await api.order("0123456789", "pause")).report.total.planned == 2
        assert [one.report.total.planned async for one in api.events("0123456789")] == [2]
