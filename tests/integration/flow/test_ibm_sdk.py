"""IBM's own SDK for Node, as its README uses it, sends here; only the address of IBM Cloud's IAM is led here too."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.flow.providers import Json
from tests.integration.flow.scene import Scene
from tests.integration.flow.test_ibm import got, phone

pytestmark = pytest.mark.anyio
SDK = "ibm-push-notifications@0.9.0"
PROGRAM = """
const [host, app, secret] = process.argv.slice(2);
const real = require('request');
const led = (options, done) => real({...options, uri: options.uri.replace('https://iam.cloud.ibm.com', host)}, done);
require.cache[require.resolve('request')].exports = led;
const {PushNotifications, PushNotificationsWithApiKey, Notification, PushMessageBuilder: make} =
  require('ibm-push-notifications');
PushNotifications.overrideServerHost = host;
const message = make.Message.alert('20% Off Offer for you').url('www.ibm.com').build();
const target = make.Target.platforms([Notification.Platform.Apple, Notification.Platform.Google]).build();
const apns = make.APNs.badge(1).interactiveCategory('Accept').iosActionKey('PUSH_OFFER').sound('sound.mp3')
  .type(Notification.APNsType.DEFAULT).payload({alert: '20% Off for you'}).titleLocKey('OFFER').locKey('REPLYTO')
  .launchImage('launchImage1.png').titleLocArgs(['Jenna', 'Frank']).locArgs(['Jenna', 'Frank'])
  .subtitle('IBM Cloud').title('IBM').attachmentUrl('https://example.com/icon.png').build();
const style = make.FCMStyle.type(Notification.FCMStyleTypes.BIGTEXT_NOTIFICATION).text('IBM Push')
  .title('Big Text Notification').url('https://example.com/icon.png').lines(['IBM', 'IBM Cloud']).build();
const lights = make.FCMLights.ledArgb(Notification.FCMLED.BLACK).ledOffMs(1).ledOnMs(1).build();
const fcm = make.FCM.collapseKey('ping').interactiveCategory('Accept').delayWhileIdle(true)
  .payload({alert: '20% Off for you'}).androidTitle('Title for Android').priority(Notification.FCMPriority.DEFAULT)
  .sound('sound.mp3').timeToLive(60.0).icon('icon').sync(true).visibility(Notification.Visibility.PUBLIC)
  .style(style).lights(lights).build();
const settings = make.Settings.apns(apns).fcm(fcm).build();
const notification = Notification.message(message).target(target).settings(settings).build();
const told = name => (error, response, body) =>
  console.log(JSON.stringify({name, error, status: response && response.statusCode, body: JSON.parse(body)}));
const bySecret = new PushNotifications(PushNotifications.Region.US_SOUTH, app, secret);
bySecret.send(notification, told('one'));
bySecret.sendBulk([notification, notification], told('bulk'));
new PushNotifications(PushNotifications.Region.US_SOUTH, app, 'wrong').send(notification, told('refused'));
const byKey = new PushNotificationsWithApiKey(PushNotifications.Region.US_SOUTH, app, secret);
byKey.getAuthToken((has, token) => byKey.send(notification, told('token')));
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Skips, with what is missing, where Node or the SDK cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is not installed")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", SDK]
    try:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm install {SDK}: {type(error).__name__}")
    if done.returncode:
        pytest.skip(f"npm install {SDK}: {done.stderr.strip()[:200]}")
    path = tmp_path / "program.js"
    path.write_text(PROGRAM)
    return path


async def test_ibms_sdk_for_node_sends_as_it_is(scene: Scene, program: Path) -> None:
    iphone, android = await phone(scene, "A", "i-1"), await phone(scene, "G", "g-1")
    said = await asyncio.to_thread(run, program, scene)
    assert {name: (one["error"], one["status"]) for name, one in said.items()} == {
        "one": (None, 202), "bulk": (None, 202), "token": (None, 202), "refused": (None, 401),
    }  # fmt: skip
    assert said["refused"]["body"]["code"] == "UNAUTHORIZED"
    ids = {said["one"]["body"]["messageId"], said["token"]["body"]["messageId"]}
    ids |= {one["messageId"] for one in said["bulk"]["body"]["messages"]}
    assert len(ids) == 4
    apple = [json.loads(one["body"]) for one in await got(scene, "apns", [iphone], 4)]
    assert {json.loads(one["payload"])["nid"] for one in apple} == ids
    assert {one["aps"]["alert"]["body"] for one in apple} == {"20% Off Offer for you"}
    google = [json.loads(one["body"])["message"] for one in await got(scene, "fcm", [android], 4)]
    assert {json.loads(one["data"]["payload"])["nid"] for one in google} == ids
    assert {one["data"]["androidTitle"] for one in google} == {"Title for Android"}


def run(program: Path, scene: Scene) -> dict[str, Json]:
    """What the SDK told the program, by the name of the call."""
    command = ["node", program.name, scene.fleet.api, scene.app, scene.app_secret]
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {one["name"]: one for one in lines}
