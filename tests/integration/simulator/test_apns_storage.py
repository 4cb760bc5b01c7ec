"""What reaches a device behind simulated APNs: rows A18 and A19."""

import pytest

from tests.integration.simulator.apns_rig import BUNDLE, TOKEN, Rig, alert, headers
from tests.integration.simulator.h2_client import Client

pytestmark = pytest.mark.anyio

DAY = 86_400
AWAY = {"online": False}
BACK = {"online": True}


async def push(client: Client, text: str, **named: str | None) -> None:
    assert (await client.request(headers(**named), alert(text))).status == 200


async def test_a18_a_device_that_was_away_gets_the_newest_notification_of_each_app_only(rig: Rig) -> None:
    rig.apns.change_token(TOKEN, AWAY)
    async with rig.client() as client:
        for text in ("one", "two", "three"):
            await push(client, text)
        call = {"apns_topic": f"{BUNDLE}.voip", "apns_push_type": "voip"}
        assert rig.shown() == []
        rig.apns.change_token(TOKEN, BACK)
        assert rig.shown() == ["three"]
        assert rig.apns.ledger.shown(TOKEN)[0]["late"] is True
        await push(client, "now", **call)
    assert rig.shown() == ["three", "now"]


async def test_a18_expiration_0_stores_nothing_and_shows_to_those_who_are_there(rig: Rig) -> None:
    async with rig.client() as client:
        await push(client, "there", apns_expiration="0")
        rig.apns.change_token(TOKEN, AWAY)
        await push(client, "older")
        await push(client, "not stored", apns_expiration="0")
    rig.apns.change_token(TOKEN, BACK)
    assert rig.shown() == ["there", "older"]


@pytest.mark.parametrize(
    ("lasts", "away", "shown"),
    [(3600, 3500, ["late"]), (3600, 3700, []), (None, 29 * DAY, ["late"]), (None, 31 * DAY, [])],
)
async def test_a18_what_is_stored_lasts_until_its_expiration_or_30_days(
    rig: Rig, lasts: int | None, away: int, shown: list[str]
) -> None:
    rig.apns.change_token(TOKEN, AWAY)
    async with rig.client() as client:
        await push(client, "late", apns_expiration=None if lasts is None else str(int(rig.now()) + lasts))
    rig.advance(seconds=away)
    rig.apns.change_token(TOKEN, BACK)
    assert rig.shown() == shown


async def test_a18_a_collapse_id_travels_so_that_the_newer_replaces_the_older_on_the_screen(rig: Rig) -> None:
    async with rig.client() as client:
        await push(client, "1:0", apns_collapse_id="score")
        await push(client, "news")
        await push(client, "2:0", apns_collapse_id="score")
    assert rig.shown() == ["1:0", "news", "2:0"]
    on_screen = rig.apns.ledger.on_screen(TOKEN)
    assert [entry["payload"] for entry in on_screen] == [alert("news").decode(), alert("2:0").decode()]


async def test_a19_knob_priorities_5_and_1_come_in_bursts_and_10_at_once(rig: Rig) -> None:
    rig.knobs(power_interval=300, idle_timeout=None)
    async with rig.client() as client:
        await push(client, "calm", apns_priority="5")
        await push(client, "calmer", apns_priority="1")
        await push(client, "loud", apns_priority="10")
        assert rig.shown() == ["loud"]
        rig.advance(seconds=301)
    assert rig.shown() == ["loud", "calm", "calmer"]


async def test_a19_a_burst_waits_for_a_device_that_has_gone_away(rig: Rig) -> None:
    rig.knobs(power_interval=300, idle_timeout=None)
    async with rig.client() as client:
        await push(client, "calm", apns_priority="5")
        await push(client, "calmer", apns_priority="5")
        rig.apns.change_token(TOKEN, AWAY)
        rig.advance(seconds=301)
        assert rig.shown() == []
        rig.apns.change_token(TOKEN, BACK)
    assert rig.shown() == ["calmer"]


async def test_a19_knob_a_notification_may_be_overtaken_by_the_next(rig: Rig) -> None:
    async with rig.client() as client:
        await push(client, "zero")
        rig.knobs(reorder=1.0)
        await push(client, "one")
        rig.knobs(reorder=0.0)
        await push(client, "two")
        rig.knobs(reorder=1.0)
        await push(client, "three")
        rig.advance(seconds=2)  # nothing comes to overtake it
    assert rig.shown() == ["zero", "two", "one", "three"]
