"""F22: what became of Android messages, by app, day and label, and only days later."""

import pytest

from services.simulator.fcm.project import CLOUD_PLATFORM, MESSAGING
from tests.integration.simulator.fcm.running import PROJECT, Firebase, detail, error, token

pytestmark = pytest.mark.anyio

APP = "1:42:android:abc"
PATH = f"/v1beta1/projects/{PROJECT}/androidApps/{APP}/deliveryData"


async def days_later(firebase: Firebase, days: int) -> None:
    firebase.advance(days=days)
    now = int(firebase.fcm.world.now())
    firebase.bearer = await firebase.new_bearer(scope=CLOUD_PLATFORM, iat=now, exp=now + 60)


async def test_f22_the_day_appears_after_its_lag_with_its_shares(firebase: Firebase) -> None:
    firebase.device("on", app_id=APP)
    firebase.device("off", app_id=APP, online=False)
    firebase.device("apple", app_id=APP, kind="ios")
    for name in ("on", "on", "on", "off", "apple"):
        await firebase.send({"token": token(name), "fcm_options": {"analytics_label": "may"}})
    assert (await firebase.get(PATH)).json() == {}
    await days_later(firebase, 5)
    [row] = (await firebase.get(PATH)).json()["androidDeliveryData"]
    assert (row["appId"], row["analyticsLabel"]) == (APP, "may")
    assert row["data"]["countMessagesAccepted"] == "4"
    assert row["data"]["messageOutcomePercents"] == {"delivered": 75.0, "pending": 25.0}
    assert row["data"]["deliveryPerformancePercents"] == {"deliveredNoDelay": 100.0}


async def test_f22_pages_follow_each_other(firebase: Firebase) -> None:
    firebase.device("on", app_id=APP)
    for label in ("a", "b", "c"):
        await firebase.send({"token": token("on"), "fcm_options": {"analytics_label": label}})
    await days_later(firebase, 5)
    first = (await firebase.get(f"{PATH}?pageSize=2")).json()
    second = (await firebase.get(f"{PATH}?pageSize=2&pageToken={first['nextPageToken']}")).json()
    rows = first["androidDeliveryData"] + second["androidDeliveryData"]
    assert [row["analyticsLabel"] for row in rows] == ["a", "b", "c"]
    assert "nextPageToken" not in second
    assert (await firebase.get(f"{PATH}?pageToken=junk")).status_code == 400


async def test_f22_the_messaging_scope_is_not_enough_and_an_unknown_app_is_not_found(firebase: Firebase) -> None:
    assert error(await firebase.get(PATH)) == (404, "NOT_FOUND", "")
    firebase.bearer = await firebase.new_bearer(scope=MESSAGING)
    answer = await firebase.get(PATH)
    assert detail(answer, "google.rpc.ErrorInfo")["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
