"""F12 and F21: what a device keeps while it cannot be reached, and what it loses."""

import pytest

from tests.integration.simulator.fcm.running import Firebase, token

pytestmark = pytest.mark.anyio


async def send_to(firebase: Firebase, name: str, count: int = 1, **message: object) -> None:
    for number in range(count):
        answer = await firebase.send({"token": token(name), "data": {"n": str(number)}, **message})
        assert answer.status_code == 200


async def test_f12_a_hundred_stored_messages_are_delivered_in_order_when_the_device_is_back(firebase: Firebase) -> None:
    device = firebase.device("a", online=False)
    await send_to(firebase, "a", 100)
    assert firebase.shown(device) == []
    firebase.fcm.change_token(device, {"online": True})
    assert [each["data"]["n"] for each in firebase.shown(device)] == [str(n) for n in range(100)]


async def test_f12_the_hundred_and_first_drops_all_and_the_app_is_told(firebase: Firebase) -> None:
    device = firebase.device("a", online=False)
    await send_to(firebase, "a", 101)
    firebase.fcm.change_token(device, {"online": True})
    assert firebase.shown(device) == []
    assert len(firebase.shown(device, "deleted_messages")) == 1
    await send_to(firebase, "a")
    assert len(firebase.shown(device)) == 1


async def test_f12_the_newest_of_each_collapse_key_is_kept_and_four_keys_at_most(firebase: Firebase) -> None:
    device = firebase.device("a", online=False)
    await send_to(firebase, "a", 3, android={"collapse_key": "k0"})
    for key in range(1, 6):
        await send_to(firebase, "a", android={"collapse_key": f"k{key}"})
    assert len(firebase.shown(device, "replaced")) == 2
    assert len(firebase.shown(device, "dropped_collapse_key")) == 2
    firebase.fcm.change_token(device, {"online": True})
    assert len(firebase.shown(device)) == 4
    assert len({each["collapse_key"] for each in firebase.shown(device)}) == 4


async def test_f12_apple_keeps_the_newest_alone(firebase: Firebase) -> None:
    device = firebase.device("a", online=False, kind="ios")
    await send_to(firebase, "a", 3)
    firebase.fcm.change_token(device, {"online": True})
    assert [each["data"]["n"] for each in firebase.shown(device)] == ["2"]


async def test_f21_ttl_zero_is_now_or_never(firebase: Firebase) -> None:
    device = firebase.device("a")
    await send_to(firebase, "a", android={"ttl": "0s"})
    assert len(firebase.shown(device)) == 1
    firebase.fcm.change_token(device, {"online": False})
    await send_to(firebase, "a", android={"ttl": "0s"})
    firebase.fcm.change_token(device, {"online": True})
    assert len(firebase.shown(device)) == 1
    assert len(firebase.shown(device, "dropped_ttl_zero")) == 1


async def test_f21_a_time_to_live_that_ends_while_the_device_is_away_ends_the_message(firebase: Firebase) -> None:
    device = firebase.device("a", online=False)
    await send_to(firebase, "a", android={"ttl": "60s"})
    await send_to(firebase, "a")
    firebase.advance(seconds=61)
    firebase.fcm.change_token(device, {"online": True})
    assert (len(firebase.shown(device)), len(firebase.shown(device, "expired"))) == (1, 1)


async def test_f21_in_doze_normal_priority_waits_and_high_does_not(firebase: Firebase) -> None:
    device = firebase.device("a", doze=True)
    await send_to(firebase, "a", android={"priority": "NORMAL"})
    await send_to(firebase, "a", android={"priority": "HIGH"}, notification={"title": "now"})
    assert [each["notification"]["title"] for each in firebase.shown(device)] == ["now"]
    firebase.fcm.change_token(device, {"doze": False})
    assert [each.get("waited_for") for each in firebase.shown(device)] == [None, "doze"]


async def test_f21_headers_of_apple_and_web_bound_the_wait_too(firebase: Firebase) -> None:
    apple, browser = firebase.device("i", kind="ios", online=False), firebase.device("w", kind="web", online=False)
    await send_to(firebase, "i", apns={"headers": {"apns-expiration": "0"}})
    await send_to(firebase, "w", webpush={"headers": {"TTL": "0"}})
    assert len(firebase.shown(apple, "dropped_ttl_zero")) == len(firebase.shown(browser, "dropped_ttl_zero")) == 1


async def test_f12_a_notification_takes_the_place_of_the_one_with_its_tag(firebase: Firebase) -> None:
    device = firebase.device("a")
    for title in ("old", "new"):
        await send_to(firebase, "a", notification={"title": title}, android={"notification": {"tag": "score"}})
    await send_to(firebase, "a", notification={"title": "other"})
    assert len(firebase.shown(device)) == 3
    assert [each["notification"]["title"] for each in firebase.fcm.ledger.on_screen(device)] == ["new", "other"]


async def test_f12_what_is_lost_or_data_alone_leaves_the_screen_as_it_is(firebase: Firebase) -> None:
    device = firebase.device("a")
    await send_to(firebase, "a", notification={"title": "kept"}, android={"notification": {"tag": "score"}})
    await send_to(firebase, "a")
    firebase.fcm.change_token(device, {"online": False})
    lost = {"notification": {"tag": "score"}, "ttl": "0s"}
    await send_to(firebase, "a", notification={"title": "lost"}, android=lost)
    assert len(firebase.shown(device, "dropped_ttl_zero")) == 1
    assert [each["notification"]["title"] for each in firebase.fcm.ledger.on_screen(device)] == ["kept"]
