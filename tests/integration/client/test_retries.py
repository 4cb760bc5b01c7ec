"""A backend's requests over a network that breaks: repeated under one key, and never without one."""

import asyncio
from contextlib import aclosing, closing
from datetime import timedelta
from typing import Any

import pytest

from services.client import AsyncClient, Audience, Client, Message, Refused, SendRequest, TryLater, Unreachable
from tests.integration.client.far_end import FarEnd, far_end, said, stream
from tests.integration.flow.scene import until
from tests.unit.client.test_following import event

pytestmark = pytest.mark.anyio
ADA, DING = Audience(users=("ada",)), Message(title="Ding")
SECRET = "as_a7k2m4_secret"
SENT = {
    "id": "0123456789", "state": "accepted", "lane": "now",
    "accepted_at": "2030-01-01T00:00:00Z", "deadline": "2030-01-02T00:00:00Z",
}  # fmt: skip
STATUS = SENT | {"state": "running", "report": {"state": "running", "total": {}}}
AWAY = said(503, {"detail": "the store is away"}, retry_after="0")


def keys(here: FarEnd) -> set[str | None]:
    return {headers.get("idempotency-key") for _, headers in here.asked}


async def blocking(here: FarEnd, work: Any, **more: Any) -> Any:
    def inside() -> Any:
        with Client(here.url, SECRET, **more) as carillon:
            return work(carillon)

    return await asyncio.to_thread(inside)


async def test_every_try_of_a_request_has_the_same_key_and_every_request_its_own() -> None:
    async with far_end([b"", AWAY, said(202, SENT), AWAY, b"", said(202, SENT)]) as here:
        async with AsyncClient(here.url, SECRET) as carillon:
            assert (await carillon.send(ADA, DING)).id == SENT["id"]
        assert (len(here.asked), len(keys(here))) == (3, 1)
        assert (await blocking(here, lambda carillon: carillon.send(ADA, DING))).id == SENT["id"]
        assert (len(here.asked), len(keys(here))) == (6, 2)
        assert None not in keys(here)


async def test_who_gives_up_says_under_which_key_to_go_on() -> None:
    async with far_end([b""]) as here, AsyncClient(here.url, SECRET, tries=2) as carillon:
        with pytest.raises(Unreachable, match="no answer to POST /v1/sends: ") as error:
            await carillon.send(ADA, DING)
        assert keys(here) == {error.value.key}
        with pytest.raises(Unreachable) as error:
            await carillon.pause("0123456789", key="pause-1")
        assert (error.value.key, len(here.asked)) == ("pause-1", 4)
        with pytest.raises(Unreachable) as blocked:
            await blocking(here, lambda one: one.send(ADA, DING, key="order-4711"), tries=2)
        assert (blocked.value.key, here.asked[-1][1]["idempotency-key"]) == ("order-4711", "order-4711")


async def test_who_is_told_to_wait_for_a_day_hears_of_it_at_once() -> None:
    async with far_end([said(503, {"detail": "closed"}, retry_after="86400")]) as here:
        async with AsyncClient(here.url, SECRET) as carillon:
            with pytest.raises(TryLater) as later:
                await carillon.send(ADA, DING, key="order-4711")
        assert (later.value.after, later.value.key, len(here.asked)) == (timedelta(days=1), "order-4711", 1)


async def test_a_device_that_a_broken_answer_had_removed_is_removed() -> None:
    gone = said(404, {"detail": "the app has no such device"})
    async with far_end([b"", gone, gone]) as here, AsyncClient(here.url, SECRET) as carillon:
        await carillon.remove("d")
        with pytest.raises(Refused, match="404"):
            await carillon.remove("d")


async def test_a_batch_goes_on_where_the_store_failed() -> None:
    done, not_yet = {"status": 202, "send": SENT}, {"status": 503, "problem": {"detail": "the store is away"}}
    request = SendRequest(audience=ADA, message=DING)
    half, whole = (said(200, {"results": some}) for some in ([done, not_yet], [done, done]))
    async with far_end([half, whole, half]) as here:
        async with AsyncClient(here.url, SECRET, tries=2) as carillon:
            assert [one.status for one in await carillon.send_many([request] * 2)] == [202, 202]
            assert [one.status for one in await carillon.send_many([request] * 2)] == [202, 503]
        assert (len(here.asked), len(keys(here))) == (4, 2)


async def test_what_stands_before_carillon_and_answers_for_it_is_no_success() -> None:
    async with far_end([said(200, ["hello"])]) as here, AsyncClient(here.url, SECRET) as carillon:
        with pytest.raises(Exception, match="not Carillon's"):
            await carillon.send(ADA, DING)


async def test_a_send_is_followed_over_streams_that_break_and_where_it_ended_nothing_is_asked() -> None:
    begun, rest = stream(event(0, "accepted"), event(3, "running")[:-9]), event(3, "running") + event(4, "finished")
    for follow, broken in ((waiting, AWAY), (not_waiting, b"")):
        async with far_end([begun, broken, stream(rest)]) as here:
            assert await follow(here) == ["accepted", "running", "finished"]
            seen = [headers.get("last-event-id") for _, headers in here.asked]
            assert seen == [None, "0", "0"]
    async with far_end([stream(event(0, "running")), said(204)]) as here:
        assert await waiting(here) == ["running"]


async def waiting(here: FarEnd) -> list[str]:
    async with AsyncClient(here.url, SECRET) as carillon:
        return [status.state async for status in carillon.events("0123456789")]


async def not_waiting(here: FarEnd) -> list[str]:
    return list(await blocking(here, lambda carillon: [one.state for one in carillon.events("0123456789")]))


async def test_who_follows_a_send_that_is_not_there_or_not_for_him_is_told_so() -> None:
    async with far_end([said(404, {"detail": "the app has no such send"})]) as here:
        with pytest.raises(Refused, match="404: the app has no such send"):
            await waiting(here)
    async with far_end([stream()]) as here, AsyncClient(here.url, SECRET, tries=2) as carillon:
        with pytest.raises(Unreachable, match="ended"):
            await anext(aiter(carillon.events("0123456789")))
        assert len(here.asked) == 2


async def test_every_connection_is_closed_when_the_client_is_or_its_follower_leaves() -> None:
    endless = stream(event(0, "running")).replace(b"connection: close\r\n", b"")
    async with far_end([said(200, STATUS), endless]) as here, AsyncClient(here.url, SECRET) as carillon:
        await carillon.status("0123456789")
        assert here.open == 1
        async with aclosing(carillon.events("0123456789")) as events:
            assert (await anext(events)).state == "running"
        await until(lambda: here.open == 0)
    async with far_end([endless]) as here:

        def work(carillon: Client) -> None:
            with closing(carillon.events("0123456789")) as events:
                assert next(events).state == "running"

        await blocking(here, work)
        await until(lambda: here.open == 0)
