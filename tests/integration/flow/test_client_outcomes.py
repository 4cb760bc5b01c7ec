"""What a backend learns of its sends by the client over HTTP, with and without `await`, from the running services."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from services.client import Audience, Message, Refused, TemplateRef
from tests.integration.flow.clients import OVER_HTTP, Calling, calling
from tests.integration.flow.scene import Scene, utc

pytestmark = pytest.mark.anyio
SEAT = Message(template=True, title="Seat {{ values.seat }}", apns={"aps": {"interruption-level": "active"}})
BOTH = Audience(users=("ada", "bob"))
VALUES = {"ada": {"seat": "3L"}, "bob": {"seat": 4}}


@pytest.fixture(params=OVER_HTTP, ids=lambda kind: kind.__name__)
async def client(scene: Scene, request: pytest.FixtureRequest) -> AsyncIterator[Calling]:
    async with calling(request.param, scene) as one:
        yield one


async def test_a_send_is_followed_to_its_end_and_everything_can_be_asked_of_it(scene: Scene, client: Calling) -> None:
    (ada,) = await scene.devices("apns", 1, user="ada")
    await scene.devices("fcm", 1, user="bob", known={"state": "unregistered"})
    stored = await client.do("store_template", "seat", SEAT)
    sent = await client.do("send", BOTH, template=TemplateRef(name="seat"), values=VALUES, receipts="all")
    async with asyncio.timeout(60):
        events = await client.all("events", sent.id)
    assert (events[-1].ended, events[-1].report.total.delivered) == (True, 1)
    assert await client.all("events", sent.id) == events[-1:]
    report = await client.do("report", sent.id)
    assert (report.total.planned, report.total.unregistered) == (2, 1)
    assert {one.platform for one in report.platforms} == {"apns", "fcm"}
    (one,) = await client.do("compare", [sent.id])
    assert (one.id, one.shares["delivered"]) == (sent.id, 0.5)
    receipts = await client.all("receipts", sent.id)
    assert sorted(each.outcome for each in receipts) == ["delivered", "unregistered"]
    story = await client.do("story", sent.id, ada.id)
    assert (story.addressed, story.outcome, story.attempts[0].attempt) == (True, "delivered", 1)
    history = await client.do("history", ada.id, limit=1)
    assert [each.send for each in history.sends] == [sent.id]
    assert (stored.version, stored.message) == (1, SEAT)


async def test_lists_are_gone_through_page_by_page(scene: Scene, client: Calling) -> None:
    later = utc() + timedelta(hours=1)
    wanted = [{"audience": {"users": ["ada"]}, "message": {"title": "x"}, "send_at": later.isoformat()}] * 210
    answer = await scene.call("POST", "/v1/sends:batch", {"sends": wanted})
    made = [one["send"]["id"] for one in answer.json()["results"]]
    lines = await client.all("sends")
    assert sorted(line.id for line in lines) == sorted(made)
    assert {(line.state, line.begins_at is not None, line.order) for line in lines} == {("scheduled", True, None)}
    for name in ("a", "b", "b"):
        await client.do("store_template", name, SEAT)
    assert [(one.name, one.version) for one in await client.all("templates")] == [("a", 1), ("b", 2)]
    assert (await client.do("template", "b", 1)).version == 1
    await client.do("remove_template", "b")
    with pytest.raises(Refused, match="404"):
        await client.do("template", "b")


async def test_what_is_not_there_is_refused_and_days_have_what_was(scene: Scene, client: Calling) -> None:
    for name in ("status", "report", "cancel"):
        with pytest.raises(Refused, match="404: the app has no such send"):
            await client.do(name, "none-such-1")
    for name in ("events", "receipts"):
        with pytest.raises(Refused, match="404: the app has no such send"):
            await client.all(name, "none-such-1")
    with pytest.raises(Refused, match="422: query ids: the app has no send none-such-1"):
        await client.do("compare", ["none-such-1"])
    days = await client.do("days")
    assert (days.app, days.first) == (scene.app, days.last)
    with pytest.raises(Refused, match="at most 92 days"):
        await client.do("days", date(2026, 1, 1), date(2026, 12, 31))
