"""Over the UnifiedPush Server's door to the phone and back: register, send, get it, tell that it was opened, leave."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.flow.providers import Json, entry, new_token
from tests.integration.flow.scene import Dev, Scene, fates, until
from tests.integration.flow.test_templates import payloads

pytestmark = pytest.mark.anyio
DEVICE = "/rest/registry/device"
PUSH_ID = "aerogear-push-id"
SENDER = "unifiedpush-node-sender@0.16.1"
PROGRAM = """
const [url, applicationId, masterSecret] = process.argv.slice(2);
require('unifiedpush-node-sender')({url, applicationId, masterSecret}).then(async ({sender}) => {
  const message = {
    alert: 'Hi', badge: '2', sound: 'default', priority: 'high', userData: {k: 'v'},
    apns: {titleLocKey: 'T', titleLocArgs: ['1'], actionCategory: 'c', contentAvailable: 1, urlArgs: ['u']},
  };
  const options = {config: {ttl: 3600}, criteria: {alias: ['ada'], categories: []}};
  const several = [{message: {alert: 'a'}, options: {criteria: {alias: ['ada']}}}, {message: {alert: 'b'}, options}];
  console.log(JSON.stringify([await sender.send(message, options), await sender.sendBatch(several)]));
}).catch((error) => { console.error(error); process.exit(1); });
"""


async def registered(scene: Scene, platform: str, **said: object) -> Dev:
    token = new_token(platform)
    await scene.providers.know(platform, [entry(platform, token, scene.project, {})])
    auth = scene.variants[platform], scene.client_secret
    answer = await scene.http.post(DEVICE, json={"deviceToken": token, **said}, auth=auth)
    assert answer.status_code == 200, answer.text
    return Dev(answer.json()["id"], platform, token)


async def told(scene: Scene, **said: Any) -> str:
    """The id of the send that a message made, when it is finished."""
    answer = await scene.http.post("/rest/sender/", json=said, auth=(scene.app, scene.app_secret))
    assert (answer.status_code, answer.json()) == (202, {}), answer.text
    send = answer.headers["location"].rpartition("/")[2]
    await scene.finished(send)
    return str(send)


def data(scene: Scene, dev: Dev) -> list[Json]:
    """What Android's app was handed, without the message's name."""
    found = [one["message"]["data"] for one in payloads(scene, dev)]
    return [{name: text for name, text in one.items() if name != PUSH_ID} for one in found]


async def test_each_criterion_finds_its_devices_and_they_get_what_was_said(scene: Scene) -> None:
    ipad = await registered(scene, "apns", alias="ada", deviceType="iPad", categories=["sport", "news"])
    phone = await registered(scene, "fcm", alias="bob", deviceType="Pixel", categories=["news"])
    fields: list[tuple[Json, list[Dev]]] = [
        ({}, [ipad, phone]),
        ({"alias": ["bob", "nobody"]}, [phone]),
        ({"categories": ["sport", "music"]}, [ipad]),
        ({"categories": ["news"]}, [ipad, phone]),
        ({"deviceType": ["iPad"]}, [ipad]),
        ({"variants": [scene.variants["fcm"]]}, [phone]),
        ({"alias": ["ada"], "deviceType": ["Pixel"]}, []),
    ]
    for criteria, found in fields:
        send = await told(scene, message={"alert": str(criteria)}, criteria=criteria)
        assert fates((await scene.status(send))["report"]).get("delivered", 0) == len(found), criteria
    alerts = {dev: [str(criteria) for criteria, found in fields if dev in found] for dev in (ipad, phone)}
    assert [one["aps"]["alert"]["body"] for one in payloads(scene, ipad)] == alerts[ipad]
    assert data(scene, phone) == [{"alert": one} for one in alerts[phone]]


async def test_who_opened_a_message_counts_once_in_its_report(scene: Scene) -> None:
    devices = [await registered(scene, platform) for platform in ("apns", "fcm", "fcm")]
    send = await told(scene, message={"alert": "Hi", "user-data": {"k": 1}})
    (apple,), (android,), (_,) = (payloads(scene, dev) for dev in devices)
    assert apple == {"aps": {"alert": {"body": "Hi"}}, "k": 1, PUSH_ID: f"{send}.{devices[0].id}"}
    assert android["message"]["data"] == {"alert": "Hi", "k": "1", PUSH_ID: f"{send}.{devices[1].id}"}

    async def opened(name: str, platform: str = "apns") -> None:
        auth, kind = (scene.variants[platform], scene.client_secret), {"content-type": "application/json"}
        answer = await scene.http.put(f"{DEVICE}/pushMessage/{name}", content=b"", auth=auth, headers=kind)
        assert (answer.status_code, answer.json()) == (200, {}), answer.text

    for _ in range(3):
        await opened(apple[PUSH_ID])
    for name in (f"{send}.{'0' * 24}", f"nosuchsend.{devices[0].id}", "nosuchsend", f"{send}.x", f"x.{send}.x"):
        await opened(name)
    assert await count(scene, send) == 1
    await opened(android["message"]["data"][PUSH_ID], "fcm")
    assert await count(scene, send) == 2
    story = (await scene.call("GET", f"/v1/sends/{send}/devices/{devices[1].id}")).json()
    assert [one["kind"] for one in story["interactions"]] == ["opened"]
    for _ in range(2):
        await opened(send, "fcm")
    assert await count(scene, send) == 3, "somebody"


async def count(scene: Scene, send: str) -> int:
    found = (await scene.call("GET", f"/v1/sends/{send}/report")).json()["interactions"]
    return int(found["opened"])


async def test_its_own_node_sender_works_as_it_is(scene: Scene, tmp_path: Path) -> None:
    install(tmp_path)
    (dev,) = [await registered(scene, "apns", alias="ada")]
    (tmp_path / "send.js").write_text(PROGRAM, "utf-8")
    command = ["node", "send.js", f"{scene.fleet.api}/ag-push", scene.app, scene.app_secret]
    done = await asyncio.to_thread(run, command, tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert json.loads(done.stdout) == [{}, {}]
    await until(lambda: len(scene.asked([dev])) == 3)
    whole, *others = sorted(payloads(scene, dev), key=lambda one: str(one["aps"]["alert"]["body"]))
    assert whole["k"] == "v"
    assert whole["aps"] == {
        "alert": {"body": "Hi", "title-loc-key": "T", "title-loc-args": ["1"]}, "badge": 2, "sound": "default",
        "category": "c", "content-available": 1, "url-args": ["u"],
    }  # fmt: skip
    assert [one["aps"] for one in others] == [{"alert": {"body": "a"}}, {"alert": {"body": "b"}}]
    wrong = await asyncio.to_thread(run, [*command[:-1], "nobody"], tmp_path)
    assert wrong.returncode == 1
    assert "status code: 401" in wrong.stderr


def install(folder: Path) -> None:
    """Skips, with what is missing, where Node or the package cannot be had."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    try:
        done = run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", SENDER], folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm install {SENDER}: {type(error).__name__}")
    if done.returncode:
        pytest.skip(f"npm install {SENDER}: {done.stderr.strip()[:200]}")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    told = {"PATH": os.environ["PATH"], "HOME": str(folder), "NODE_OPTIONS": "--no-deprecation"}
    return subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=90, check=False)
