"""Devices by the thousand, in and out: every line decided by itself, and a round trip that loses nothing."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.importing import LISTED
from services.ingest.lines import LONGEST
from tests.integration.ingest.conftest import Database, Ingest
from tests.integration.ingest.tenant import Tenant, bearer

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
NDJSON = {"content-type": "application/x-ndjson"}


async def sent(tenant: Tenant, content: bytes, **headers: str) -> httpx.Response:
    return await tenant.http.post(
        "/v1/devices:import", content=content, headers=bearer(tenant.app_secret) | NDJSON | headers
    )


async def imported(tenant: Tenant, *lines: object) -> Json:
    content = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    answer = await sent(tenant, content)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert found["lines"] == found["created"] + found["updated"] + found["refused"]
    return found


async def exported(tenant: Tenant, query: str = "") -> list[Json]:
    answer = await tenant.get(f"/v1/devices:export{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def counts(found: Json) -> tuple[int, int, int]:
    return found["created"], found["updated"], found["refused"]


async def test_lines_are_devices_and_a_wrong_one_keeps_no_other_back(tenant: Tenant, other: Tenant) -> None:
    foreign = await other.register(variant=other.fcm, token="theirs")
    found = await imported(
        tenant,
        {"variant": tenant.fcm, "token": "one", "user": "ada", "tags": ["a"], "app_version": "1.2"},
        {"variant": tenant.apns, "token": "AB" * 32, "installation": "phone"},
        b"",
        {"variant": tenant.fcm, "token": "two", "colour": "red"},
        b"nonsense",
        {"variant": other.fcm, "token": "three"},
        {"variant": tenant.fcm, "token": "four", "id": foreign},
        {"variant": tenant.fcm, "token": "one", "user": "bob"},
        {"variant": tenant.fcm, "token": "five", "registered_at": "2030-01-01"},
    )
    assert counts(found) == (2, 1, 5)
    assert [(one["line"], one["errors"][0]["pointer"]) for one in found["errors"]] == [
        (4, "/colour"), (5, ""), (6, "/variant"), (7, "/id"), (9, "/registered_at"),
    ]  # fmt: skip
    devices = {one["token"]: one for one in await exported(tenant)}
    assert set(devices) == {"one", "ab" * 32}
    assert (devices["one"]["user"], devices["one"]["tags"]) == ("bob", ["a"])
    assert [one["token"] for one in await exported(other)] == ["theirs"]


async def test_an_export_reads_back_as_it_was_with_the_same_ids(tenant: Tenant, stored: Database) -> None:
    profile = {
        "user": "ädä", "tags": ["a", "b"], "attributes": {"n": 1.5, "t": "x", "y": True, "gone": None},
        "locale": "pt-BR", "zone": "UTC", "app_version": "2.1", "os_version": "17", "categories": {"ads": False},
    }  # fmt: skip
    await tenant.register(token="aa" * 32, installation="phone", **profile)
    await tenant.register(variant=tenant.fcm, token="plain")
    before = await exported(tenant)
    rows = list(stored["devices"].find({"app": tenant.id}).sort("_id", 1))
    assert counts(await imported(tenant, *before)) == (0, 2, 0)
    assert await exported(tenant) == before
    stored["devices"].delete_many({"app": tenant.id})
    assert counts(await imported(tenant, *before)) == (2, 0, 0)
    assert await exported(tenant) == before
    again = list(stored["devices"].find({"app": tenant.id}).sort("_id", 1))
    assert [{**one, "facets": sorted(one["facets"])} for one in again] == [
        {**one, "facets": sorted(one["facets"])} for one in rows
    ]
    assert [one["token"] for one in await exported(tenant, f"?variant={tenant.fcm}")] == ["plain"]


async def test_tokens_that_change_hands_within_an_import_end_with_the_last_line(tenant: Tenant) -> None:
    def line(phone: int, token: int) -> Json:
        return {"variant": tenant.fcm, "token": f"t{token}", "installation": f"p{phone}"}

    moves = [line(phone, (phone + step) % 4) for step in range(6) for phone in range(4)]
    found = await imported(tenant, *moves)
    assert found["refused"] == 0
    assert sorted(one["token"] for one in await exported(tenant)) == ["t0", "t1", "t2", "t3"]
    again = await imported(tenant, *moves[-4:])
    assert counts(again)[2] == 0
    assert len(await exported(tenant)) == 4


async def test_many_lines_come_as_a_stream_and_leave_as_one(tenant: Tenant, stored: Database) -> None:
    async def lines() -> AsyncIterator[bytes]:
        for start in range(0, 9000, 450):
            some = [{"variant": tenant.fcm, "token": f"many-{n}", "tags": ["x"]} for n in range(start, start + 450)]
            text = b"".join(json.dumps(one).encode() + b"\n" for one in some)
            yield text[:1000]
            yield text[1000:]

    headers = bearer(tenant.app_secret) | NDJSON
    answer = await tenant.http.post("/v1/devices:import", content=lines(), headers=headers, timeout=60)
    assert counts(answer.json()) == (9000, 0, 0)
    found = await exported(tenant)
    assert sorted(one["token"] for one in found) == sorted(f"many-{n}" for n in range(9000))
    assert stored["devices"].count_documents({"app": tenant.id, "facets": "t:x"}) == 9000


async def test_a_line_too_long_ends_it_and_what_came_before_is_imported(tenant: Tenant, stored: Database) -> None:
    known = [json.dumps({"variant": tenant.fcm, "token": f"early{n}"}).encode() for n in range(3)]
    answer = await sent(tenant, b"\n".join([*known, b"x" * (LONGEST + 1), b"{}"]))
    assert answer.status_code == 413
    assert stored["devices"].count_documents({"app": tenant.id}) == 3


async def test_moments_beyond_the_calendar_are_refused_by_their_line(tenant: Tenant) -> None:
    line = {"variant": tenant.fcm, "token": "old", "registered_at": "0001-01-01T00:00:00+01:00"}
    found = await imported(tenant, line, {"variant": tenant.fcm, "token": "new"})
    assert counts(found) == (1, 0, 1)
    assert found["errors"][0]["errors"][0]["pointer"] == "/registered_at"
    for path in ("/v1/apps/{}/report?first=9999-12-31", "/v1/apps/{}/hygiene/report?last=0001-01-03"):
        assert (await tenant.get(path.format(tenant.id))).status_code == 422
    after = f"999999999999999-{'0' * 24}"
    assert (await tenant.get(f"/v1/apps/{tenant.id}/hygiene/retired?after={after}")).status_code == 422


async def test_more_refusals_than_are_listed_are_counted(tenant: Tenant) -> None:
    found = await imported(tenant, *[b"[]"] * 5500)
    assert (found["refused"], len(found["errors"]), found["errors"][-1]["line"]) == (5500, 5000, 5000)


async def test_lines_end_as_if_they_came_one_after_the_other_however_many_are_written_at_once(tenant: Tenant) -> None:
    """First most are new, then most are known; in and between batches devices come again, and tokens change hands."""
    rng, rows, owners = random.Random(5), dict[str, tuple[str, str]](), dict[str, str]()
    for _ in range(2):
        phones = [*range(9_000), *(rng.randrange(9_000) for _ in range(300))]
        rng.shuffle(phones)
        lines = [
            {
                "variant": tenant.fcm, "user": f"u{rng.randrange(3)}", "installation": f"p{phone}",
                "token": f"t{rng.randrange(9_000) if rng.random() < 0.02 else phone}",
            }
            for phone in phones
        ]  # fmt: skip
        assert (await imported(tenant, *lines))["refused"] == 0
        for one in lines:
            phone, token = one["installation"], one["token"]
            if phone in rows:
                del owners[rows[phone][0]]
            rows.pop(owners.get(token, phone), None)  # a token has one device, and a device one token
            rows[phone], owners[token] = (token, one["user"]), phone
        assert sorted((one["token"], one["user"]) for one in await exported(tenant)) == sorted(rows.values())


async def test_what_is_no_stream_of_lines_is_refused(tenant: Tenant) -> None:
    assert (await sent(tenant, b"{}", **{"content-type": "application/json"})).status_code == 415
    assert (await sent(tenant, b"x" * (LONGEST + 1))).status_code == 413
    assert (await sent(tenant, b"{}\n" + b"x" * (LONGEST + 1) + b"\n")).status_code == 413
    assert (await sent(tenant, b"", **{"content-encoding": "gzip"})).status_code == 415
    assert counts((await sent(tenant, b"\n\n")).json()) == (0, 0, 0)
    by_client = await tenant.http.post("/v1/devices:import", content=b"", headers=bearer(tenant.client_secret) | NDJSON)
    assert by_client.status_code == 403
    assert (await tenant.http.get("/v1/devices:export", headers=bearer(tenant.client_secret))).status_code == 403
    assert (await tenant.get("/v1/devices:export?variant=nonesuch")).status_code == 404


async def carillon(tenant: Tenant, url: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "CARILLON_URL": url, "CARILLON_APP_SECRET": tenant.app_secret}
    command = [sys.executable, "-m", "services.cli", "devices", *arguments]
    return await asyncio.to_thread(subprocess.run, command, input=given, env=environment, capture_output=True)


async def test_the_command_moves_devices_in_and_out_and_tells_of_each_that_it_did_not_take(
    tenant: Tenant, ingest: Ingest, tmp_path: Path
) -> None:
    installations = [
        *({"deviceToken": f"{n:064x}", "operatingSystem": "iOS", "alias": f"u{n}"} for n in range(6_000)),
        {"deviceToken": "spaced out\u0000", "operatingSystem": "android"},
        {"deviceToken": "dead", "operatingSystem": "android", "enabled": False},
    ]
    source, errors, out = tmp_path / "in.json", tmp_path / "errors", tmp_path / "out.ndjson"
    source.write_text(json.dumps(installations))
    mapped = ("--map", f"apns={tenant.apns}", "--map", f"fcm={tenant.fcm}", "--errors", str(errors))
    done = await carillon(tenant, ingest.url, "import", str(source), "--format", "aerogear", *mapped)
    assert done.stdout.decode().strip() == "6,000 created, 0 updated, 1 refused, 1 skipped", done.stderr.decode()
    assert done.returncode == 1
    told = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(one["row"], one["outcome"]) for one in told] == [(6_002, "skipped"), (6_001, "refused")]
    assert "/token" in told[1]["why"]
    exported = await carillon(tenant, ingest.url, "export", str(out))
    assert (exported.returncode, exported.stdout, exported.stderr) == (0, b"", b"6,000 devices\n")  # no bar in a log
    lines = out.read_bytes().splitlines()
    assert len(lines) == 6_000
    again = await carillon(tenant, ingest.url, "import", "-", given=b"\n".join(lines[:100]))
    assert (again.returncode, again.stdout.decode().strip()) == (0, "0 created, 100 updated, 0 refused, 0 skipped")
    assert again.stderr == b""
    wrong = await carillon(tenant, ingest.url, "import", "-", "--format", "sns", given=b"{nonsense")
    assert (wrong.returncode, b"not in that format" in wrong.stderr) == (1, True)
    nowhere = await carillon(tenant, ingest.url, "import", str(source), "--errors", str(tmp_path / "no" / "errors"))
    said = " ".join(nowhere.stderr.decode().split())  # the terminal's lines are none of its words
    assert (nowhere.returncode, said.endswith(": No such file or directory")) == (1, True), said


async def test_the_command_says_why_of_more_lines_than_an_answer_tells_of(
    tenant: Tenant, ingest: Ingest, tmp_path: Path
) -> None:
    errors, good = tmp_path / "errors", json.dumps({"variant": tenant.fcm, "token": "good"}).encode()
    given = b"\n".join([good, *[b"[]"] * (LISTED + 1), good, *[b"[]"] * 9])
    done = await carillon(tenant, ingest.url, "import", "-", "--errors", str(errors), given=given)
    assert done.stdout.decode().strip() == f"1 created, 1 updated, {LISTED + 10:,} refused, 0 skipped"
    told = [json.loads(line)["row"] for line in errors.read_text().splitlines()]
    assert told == [row for row in range(2, LISTED + 13) if row != LISTED + 3]
