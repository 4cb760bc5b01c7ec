"""What somebody in between answers is in no book of the provider: it has never seen the request."""

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from services.simulator.knobs import Step
from tests.integration.simulator import apns_rig
from tests.integration.simulator.fcm.running import running_firebase
from tests.unit.providers.table_e1 import HTML

pytestmark = pytest.mark.anyio
PAGE = {"status": 200, "body": HTML.decode()}


async def test_a_captive_portals_page_is_no_delivery_by_apns(tmp_path: Path) -> None:
    async with apns_rig.rigged(tmp_path) as rig, rig.client() as client:
        rig.register(script=[PAGE])
        reply = await client.request(apns_rig.headers(), apns_rig.BODY)
        assert (reply.status, reply.body) == (200, HTML)
        assert [(one["status"], one["drop"]) for one in rig.requests()] == [(None, "intercepted")]
        assert rig.shown() == []
        assert (await client.request(apns_rig.headers(), apns_rig.BODY)).status == 200
        assert rig.shown() == ["hello"]


async def test_a_captive_portals_page_is_no_delivery_by_firebase() -> None:
    async with running_firebase() as firebase:
        device = firebase.device("a", script=[PAGE])
        answer: httpx.Response = await firebase.send({"token": device, "data": {"k": "v"}})
        assert (answer.status_code, answer.content) == (200, HTML)
        (line,) = firebase.logged(token=device)
        assert (line["status"], line["drop"]) == (None, "intercepted")
        assert firebase.shown("a") == []


@pytest.mark.parametrize("step", [{"body": "x"}, {"body": "x", "status": 200, "drop": "close"}])
def test_a_page_without_a_status_or_with_no_answer_at_all_is_refused(step: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a body goes with a status"):
        Step.model_validate(step)
