"""What other systems write down, as lines of Carillon's: the forms that they document, and the odd rows in them."""

import gzip
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.importing import aerogear, json_values, ndjson, onesignal, sns
from services.cli.importing.parts import parts
from services.cli.importing.row import Device, Reader, Row, Skipped, Variants, WrongFormatError

VARIANTS = Variants({"apns": "v-ios", "fcm": "v-android"})
Json = dict[str, Any]
HEADER = (
    "id,identifier,session_count,language,timezone,game_version,device_os,device_type,device_model,tags,last_active,"
    "created_at,invalid_identifier,badge_count,external_user_id,timezone_id,notification_types\n"
)


def rows(reader: Reader, text: str | bytes, variants: Variants = VARIANTS) -> list[Row]:
    return list(reader(io.BytesIO(text.encode() if isinstance(text, str) else text), variants))


def lines(found: list[Row]) -> list[Json]:
    return [json.loads(one.line) for one in found if isinstance(one, Device)]


def skipped(found: list[Row]) -> dict[int, str]:
    return {one.place: one.why for one in found if isinstance(one, Skipped)}


def test_aerogears_installations() -> None:
    found = rows(aerogear.read, json.dumps([
        {"deviceToken": "aa", "deviceType": "iPad", "operatingSystem": "iOS", "osVersion": "14.4", "alias": "ada",
         "categories": ["sport", "sport"], "enabled": True},
        {"deviceToken": "bb", "operatingSystem": "ANDROID", "osVersion": "", "categories": [{"name": "news"}]},
        {"deviceToken": "cc", "operatingSystem": "android", "enabled": False},
        {"deviceToken": ""}, {"deviceToken": "dd", "operatingSystem": "windows"}, 5,
    ]))  # fmt: skip
    assert lines(found) == [
        {"variant": "v-ios", "token": "aa", "user": "ada", "tags": ["sport"], "os_version": "14.4",
         "attributes": {"device_type": "iPad"}},
        {"variant": "v-android", "token": "bb", "tags": ["news"]},
    ]  # fmt: skip
    assert set(skipped(found)) == {3, 4, 5, 6}
    assert "--map windows=" in skipped(found)[5]
    assert len(lines(rows(aerogear.read, '[{"deviceToken":"x"}]', Variants({}, "v1")))) == 1


def onesignal_row(**said: str) -> str:
    names = HEADER.strip().split(",")
    cells = [said.get(name, "") for name in names]
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def test_onesignals_subscriptions_compressed_or_not() -> None:
    text = HEADER + "".join([
        onesignal_row(identifier="aa", device_type="0", external_user_id="ada", language="pt",
                      timezone_id="America/Lima", device_os="17.4", game_version="2.1",
                      last_active="2030-01-31 12:00:00 UTC", created_at="1700000000",
                      tags='{"plan": "gold", "age": 7, "näme!": true, "gone": null}', invalid_identifier="f"),
        onesignal_row(identifier="bb", device_type="1", language="??", device_os="?", tags="nonsense"),
        onesignal_row(identifier="cc", device_type="1", invalid_identifier="t"),
        onesignal_row(identifier="dd", device_type="1", notification_types="-2"),
        onesignal_row(identifier="ada@example.com", device_type="11"),
        onesignal_row(device_type="1"),
    ])  # fmt: skip
    for packed in (text.encode(), gzip.compress(text.encode()), b"\xef\xbb\xbf" + text.encode()):
        found = rows(onesignal.read, packed)
        assert lines(found) == [
            {"variant": "v-ios", "token": "aa", "user": "ada", "locale": "pt", "zone": "America/Lima",
             "os_version": "17.4", "app_version": "2.1", "attributes": {"plan": "gold", "age": 7, "n_me_": True},
             "first_seen": "2023-11-14T22:13:20+00:00", "registered_at": "2030-01-31T12:00:00+00:00"},
            {"variant": "v-android", "token": "bb"},
        ]  # fmt: skip
        assert set(skipped(found)) == {3, 4, 5, 6}
        assert "--map email=" in skipped(found)[5]


def test_sns_endpoints_of_one_page_after_another() -> None:
    def endpoint(platform: str, **attributes: str) -> Json:
        arn = f"arn:aws:sns:eu-west-1:123456789012:endpoint/{platform}/App/0f"
        return {"EndpointArn": arn, "Attributes": attributes}

    pages = [
        {
            "Endpoints": [
                endpoint("APNS", Token="aa", Enabled="true", CustomUserData="ada"),
                endpoint("GCM", Token="bb"),
            ]
        },
        {"Endpoints": [endpoint("GCM", Token="cc", Enabled="false"), endpoint("ADM", Token="dd"), endpoint("GCM"), {}]},
    ]
    for text in ("\n".join(map(json.dumps, pages)), json.dumps(pages)):
        found = rows(sns.read, text)
        assert lines(found) == [
            {"variant": "v-ios", "token": "aa", "user": "ada"}, {"variant": "v-android", "token": "bb"},
        ]  # fmt: skip
        assert set(skipped(found)) == {3, 4, 5, 6}


def test_our_own_lines_go_as_they_are_or_to_another_variant() -> None:
    text = '{"id":"0","variant":"v1","token":"aa"}\n\n  \nnonsense\n[5]\n'
    assert [one.line for one in rows(ndjson.read, text) if isinstance(one, Device)] == [
        b'{"id":"0","variant":"v1","token":"aa"}', b"nonsense", b"[5]",
    ]  # fmt: skip
    moved = rows(ndjson.read, text, Variants({}, "v2"))
    assert lines(moved) == [{"variant": "v2", "token": "aa"}]
    assert set(skipped(moved)) == {4, 5}


def test_our_own_lines_go_to_the_variants_of_another_app_each_by_the_one_it_came_from() -> None:
    text = "\n".join(
        json.dumps({"id": "0" * 24, "variant": variant, "token": variant}) for variant in ("old-ios", "old-fcm", "kept")
    )
    found = rows(ndjson.read, text, Variants({"old-ios": "new-ios", "old-fcm": "new-fcm"}))
    assert lines(found) == [
        {"variant": "new-ios", "token": "old-ios"}, {"variant": "new-fcm", "token": "old-fcm"},
        {"id": "0" * 24, "variant": "kept", "token": "kept"},
    ]  # fmt: skip
    rest = rows(ndjson.read, text, Variants({"old-ios": "new-ios"}, "other"))
    assert [one["variant"] for one in lines(rest)] == ["new-ios", "other", "other"]


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (aerogear.read, "{nonsense"),
        (aerogear.read, '[{"deviceToken": "a"}'),
        (aerogear.read, b"\xff\xfe"),
        (onesignal.read, "a,b\n1,2\n"),
        (sns.read, '{"Things": []}'),
    ],
)
def test_a_file_of_another_form_is_said_to_be_one(reader: Reader, text: str | bytes) -> None:
    with pytest.raises(WrongFormatError):
        rows(reader, text)


json_ = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(json_, max_size=5), st.integers(1, 30), st.booleans())
def test_values_are_read_whole_however_the_file_is_cut(found: list[Any], piece: int, in_array: bool) -> None:  # noqa: FBT001
    class Cut(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(piece)

    text = json.dumps(found) if in_array else "\n".join(json.dumps([one])[1:-1] for one in found)
    if not in_array and text.lstrip().startswith("["):
        return  # is read as an array
    assert list(json_values.values(Cut(text.encode()))) == found


@given(st.lists(st.booleans(), max_size=50), st.integers(1, 7))
def test_every_row_is_in_one_part_and_every_line_knows_its_place(which: list[bool], lines_: int) -> None:
    given_: list[Row] = [Device(n, b"%d" % n) if one else Skipped(n, "") for n, one in enumerate(which, 1)]
    cut = list(parts(iter(given_), lines_))
    assert [place for part in cut for place in part.places] == [one.place for one in given_ if isinstance(one, Device)]
    assert [one for part in cut for one in part.skipped] == [one for one in given_ if isinstance(one, Skipped)]
    assert all(part.body.splitlines() == [b"%d" % place for place in part.places] for part in cut if part.places)
    assert all(0 < len(part.lines) + len(part.skipped) <= lines_ for part in cut)


def test_what_carillon_would_refuse_is_left_out_and_the_device_is_not() -> None:
    found = rows(aerogear.read, json.dumps([
        {"deviceToken": "a a-", "operatingSystem": " iOS ", "alias": 4711, "osVersion": 14,
         "categories": ["x" * 65, "a\u0000b", "good", 5] + [f"c{n}" for n in range(150)]},
        {"deviceToken": "bb", "operatingSystem": "iOS", "alias": "u" * 257},
    ]))  # fmt: skip
    first, second = lines(found)
    assert (first["token"], first["user"], first["os_version"]) == ("aa", "4711", "14")
    assert (first["tags"][:2], len(first["tags"])) == (["good", "c0"], 100)
    assert second == {"variant": "v-ios", "token": "bb"}
    tags = (
        '{"id": 101587654321098765, "nan": NaN, "far": 1e400, "list": ["a"], "long": "' + "x" * 300 + '", "pi": 3.14}'
    )
    row = onesignal_row(
        identifier="aa", device_type="iOSPush", external_user_id="u" * 300, tags=tags, language="a" * 40
    )
    (line,) = lines(rows(onesignal.read, HEADER + row))
    assert line == {
        "variant": "v-ios", "token": "aa",
        "attributes": {"id": "101587654321098765", "nan": "NaN", "far": "Infinity", "list": '["a"]',
                       "long": "x" * 256, "pi": 3.14},
    }  # fmt: skip


def test_a_user_of_sns_is_never_cut_and_a_list_of_endpoints_is_read() -> None:
    ends = [
        {
            "EndpointArn": "arn:aws:sns:eu-west-1:1:endpoint/GCM/app/1",
            "Attributes": {"Token": "a", "CustomUserData": data},
        }
        for data in ("ada", "u" * 257, "u" * 256 + "v")
    ]
    for text in (json.dumps({"Endpoints": ends}), json.dumps(ends), "\n".join(map(json.dumps, ends))):
        assert [one.get("user") for one in lines(rows(sns.read, text))] == ["ada", None, None]


@pytest.mark.parametrize(
    "broken",
    [
        (HEADER + onesignal_row(identifier="aa", device_type="0", tags="ä")).encode("latin-1"),
        gzip.compress((HEADER + onesignal_row(identifier="aa") * 500).encode())[:-200],
        gzip.compress(HEADER.encode())[:12] + b"nonsense",
    ],
    ids=["latin-1", "cut off", "no gzip"],
)
def test_a_file_that_cannot_be_read_on_says_so(broken: bytes) -> None:
    with pytest.raises(WrongFormatError, match="UTF-8, or cut off"):
        rows(onesignal.read, broken)


def test_a_line_that_would_end_the_whole_request_is_left_out() -> None:
    long = json.dumps({"variant": "v", "token": "x" * 70_000})
    (part,) = parts(iter(rows(ndjson.read, b"\xef\xbb\xbf" + f'{{"token":"a"}}\r\n{long}\n{{"token":"b"}}'.encode())))
    assert (part.places, part.lines) == ([1, 3], [b'{"token":"a"}', b'{"token":"b"}'])
    assert [(one.place, one.why) for one in part.skipped] == [(2, "longer than 64 kB")]
