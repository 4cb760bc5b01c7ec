"""The client for backends, over HTTP and AMQP, with and without `await`, against the running services."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from services.client import (
    AsyncClient,
    AsyncCommands,
    Audience,
    Client,
    Commands,
    Message,
    Refused,
    SendRequest,
    TryLater,
    Unreachable,
)
from tests.integration.flow.scene import Scene, fates

pytestmark = pytest.mark.anyio
ADA = Audience(users=("ada",))
DING = Message(title="Ding", data={"a": "b"})
MINUTE = timedelta(minutes=1)


async def test_over_http_with_await(scene: Scene) -> None:
    async with AsyncClient(scene.fleet.api, scene.app_secret) as carillon:
        known = await scene.devices("apns", 1)
        device = await carillon.register(scene.variants["apns"], known[0].token, user="ada", tags=["news"])
        await carillon.validate(ADA, DING)
        key = secrets.token_hex(8)
        first, again = [await carillon.send(ADA, DING, key=key, ttl=60) for _ in range(2)]
        assert first == again
        async with asyncio.timeout(60):
            status = await carillon.finished(first.id)
        assert (status.report.total.delivered, status.dry_run) == (1, False)
        good, bad = (
            SendRequest(audience=ADA, message=DING),
            SendRequest(audience=ADA, message=Message(title="x" * 4090)),
        )
        outcomes = await carillon.send_many([good, bad])
        assert [one.status for one in outcomes] == [202, 422]
        assert outcomes[1].problems
        with pytest.raises(Refused) as refused:
            await carillon.send(Audience(variants=("v0000000000",)), DING)
        assert [one.pointer for one in refused.value.problems] == ["/audience/variants/0"]
        await carillon.change(device.id, user=None)
        await carillon.remove(device.id)
        with pytest.raises(Refused, match="404"):
            await carillon.remove(device.id)


async def test_over_http_without_await(scene: Scene) -> None:
    (dev,) = await scene.devices("fcm", 1, user="ada")

    def work() -> None:
        with Client(scene.fleet.api, scene.app_secret) as carillon:
            carillon.validate(ADA, DING)
            sent = carillon.send(ADA, DING)
            assert carillon.finished(sent.id, within=MINUTE).report.total.delivered == 1
            assert [one.status for one in carillon.send_many([SendRequest(audience=ADA, message=DING)])] == [202]
            with pytest.raises(Refused, match="404"):
                carillon.status("nonesuch")
            moment = datetime.now(UTC) + timedelta(hours=1)
            planned = carillon.send(ADA, DING, send_at=moment)
            other = SendRequest(audience=ADA, message=DING, send_at=moment, ttl=60)
            assert carillon.replace(planned.id, other).state == "scheduled"
            assert carillon.pause(planned.id).state == carillon.resume(planned.id).state == "scheduled"
            assert [carillon.cancel(planned.id).id for _ in range(2)] == [planned.id] * 2
            assert carillon.finished(planned.id, within=MINUTE).report.total.cancelled == 1

    await asyncio.to_thread(work)
    assert scene.asked([dev])


async def test_over_http_without_await_from_several_threads(scene: Scene) -> None:
    await scene.devices("apns", 1, user="ada")
    with Client(scene.fleet.api, scene.app_secret) as carillon:
        answers = await asyncio.gather(*(asyncio.to_thread(carillon.send, ADA, DING) for _ in range(10)))
        ended = await asyncio.gather(*(asyncio.to_thread(carillon.finished, one.id, within=MINUTE) for one in answers))
    assert len({one.id for one in ended}) == 10
    assert [one.report.total.delivered for one in ended] == [1] * 10


async def test_over_amqp_with_await_also_after_the_connection_broke(scene: Scene) -> None:
    (dev,) = await scene.devices("apns", 1, user="ada")
    async with AsyncCommands(scene.fleet.site.amqp_url, scene.app_secret) as carillon:
        key = f"order-{secrets.token_hex(4)}"
        first, again = [await carillon.send(ADA, DING, id_=key) for _ in range(2)]
        assert (first.state, first.duplicate, again.duplicate) == ("accepted", False, True)
        request = SendRequest(audience=ADA, message=DING)
        many = [(f"many-{n}-{secrets.token_hex(4)}", request) for n in range(20)]
        answers = await carillon.send_many([*many, ("bad-one-1", request.model_copy(update={"ttl": -1.0}))])
        assert [one.id for one in answers[:20]] == [id_ for id_, _ in many]
        assert [one.state for one in answers] == ["accepted"] * 20 + ["rejected"]
        assert answers[-1].errors[0].pointer == "/ttl"
        assert carillon._exchange._link is not None
        await carillon._exchange._link.connection.close()
        assert (await carillon.send(ADA, DING)).state == "accepted"
    assert fates(await scene.finished(key)) == {"planned": 1, "delivered": 1}
    assert scene.asked([dev])


async def test_over_amqp_without_await_from_several_threads(scene: Scene) -> None:
    await scene.devices("apns", 1, user="ada")
    with Commands(scene.fleet.site.amqp_url, scene.app_secret) as carillon:
        answers = await asyncio.gather(*(asyncio.to_thread(carillon.send, ADA, DING) for _ in range(10)))
    assert [one.state for one in answers] == ["accepted"] * 10
    assert len({one.id for one in answers}) == 10


async def test_who_is_not_there_is_unreachable(scene: Scene) -> None:
    nowhere = "http://127.0.0.1:9"
    async with AsyncClient(nowhere, scene.app_secret, tries=2) as carillon:
        with pytest.raises(Unreachable):
            await carillon.send(ADA, DING)
    with Client(nowhere, scene.app_secret, tries=1) as quiet, pytest.raises((Unreachable, TryLater)):
        quiet.status("nonesuch")
    with pytest.raises(Unreachable):
        Commands("amqp://127.0.0.1:9/", scene.app_secret).__enter__()
