"""F4 and F5: the reader of requests, field by field of the schema."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.fcm.proto_json import parse, read
from services.simulator.fcm.proto_written import written
from services.simulator.fcm.schema import MESSAGE, SEND_REQUEST, Choice, Field, Known, Record, Scalar, camel

GOOD: dict[object, Any] = {
    Scalar.STRING: "x",
    Scalar.BOOL: True,
    Scalar.INT32: 7,
    Scalar.FLOAT: 0.5,
    Known.DURATION: "1.5s",
    Known.TIMESTAMP: "2026-01-02T03:04:05Z",
    Known.STRUCT: {"a": [1]},
}


def fields(record: Record, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Field]]:
    """Every field of a message, with the names of the messages around it."""
    out = []
    for field in record.fields:
        out.append((path, field))
        if isinstance(field.kind, Record):
            out += fields(field.kind, (*path, field.name))
    return out


ALL = fields(MESSAGE)
NAMES = [".".join((*path, field.name)) for path, field in ALL]


def good(field: Field) -> Any:
    if isinstance(field.kind, Record):
        value: Any = {}
    else:
        value = field.kind.values[-1] if isinstance(field.kind, Choice) else GOOD[field.kind]
    return [value] if field.repeated else {"k": value} if field.mapped else value


def wrong(field: Field) -> Any:
    """Of no kind that any field takes."""
    return {"k": [1]} if field.mapped else {"a": 1} if isinstance(field.kind, Scalar) else [[1]]


def nested(path: tuple[str, ...], name: str, value: Any) -> dict[str, Any]:
    whole = {name: value}
    for outer in reversed(path):
        whole = {outer: whole}
    return {"message": whole}


@pytest.mark.parametrize(("path", "field"), ALL, ids=NAMES)
def test_a_field_is_read_under_both_its_names(path: tuple[str, ...], field: Field) -> None:
    by_proto_name = read(nested(path, field.name, good(field)), SEND_REQUEST)
    by_camel = read(nested(tuple(map(camel, path)), camel(field.name), good(field)), SEND_REQUEST)
    assert by_proto_name == by_camel
    assert by_proto_name[1] == []


@pytest.mark.parametrize(("path", "field"), ALL, ids=NAMES)
def test_a_field_of_the_wrong_kind_is_told_with_its_place(path: tuple[str, ...], field: Field) -> None:
    _, violations = read(nested(path, field.name, wrong(field)), SEND_REQUEST)
    assert len(violations) == 1
    assert field.name in violations[0][1]
    assert violations[0][0].startswith(".".join(("message", *path)))


@pytest.mark.parametrize(("path", "field"), ALL, ids=NAMES)
def test_null_is_the_same_as_absent(path: tuple[str, ...], field: Field) -> None:
    out, violations = read(nested(path, field.name, None), SEND_REQUEST)
    assert violations == []
    assert f"'{field.name}'" not in str(out)


@pytest.mark.parametrize(
    ("given_value", "read_value"),
    [("3", 3), (3.0, 3), ("-1", -1), (2**31 - 1, 2**31 - 1)],
)
def test_numbers_are_taken_as_strings_too(given_value: Any, read_value: int) -> None:
    out, violations = read(nested(("android", "notification"), "notification_count", given_value), SEND_REQUEST)
    assert violations == []
    assert out["message"]["android"]["notification"]["notification_count"] == read_value


@pytest.mark.parametrize("given_value", ["3.5", 3.5, "x", "", True, 2**31, "1e400", "nan"])
def test_what_is_no_int32_is_told_so(given_value: Any) -> None:
    _, violations = read(nested(("android", "notification"), "notification_count", given_value), SEND_REQUEST)
    assert "(TYPE_INT32)" in violations[0][1]


@pytest.mark.parametrize("given_value", ["HIGH", "high", 1, "1"])
def test_an_enum_goes_by_name_in_any_case_or_by_number(given_value: Any) -> None:
    out, violations = read(nested(("android",), "priority", given_value), SEND_REQUEST)
    assert (out["message"]["android"]["priority"], violations) == ("HIGH", [])


def test_durations_and_times_are_values_afterwards() -> None:
    out, _ = read(nested(("android",), "ttl", "3.5s"), SEND_REQUEST)
    assert out["message"]["android"]["ttl"] == timedelta(seconds=3.5)
    out, _ = read(nested(("android", "notification"), "event_time", "2026-01-02T03:04:05Z"), SEND_REQUEST)
    assert out["message"]["android"]["notification"]["event_time"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for text in ("3.5", "3.5m", "s", 3):
        assert read(nested(("android",), "ttl", text), SEND_REQUEST)[1]


@pytest.mark.parametrize(("path", "field"), ALL, ids=NAMES)
def test_what_was_read_can_be_written_and_read_again(path: tuple[str, ...], field: Field) -> None:
    out, _ = read(nested(path, field.name, good(field)), SEND_REQUEST)
    assert read(json.loads(json.dumps(written(out))), SEND_REQUEST) == (out, [])


@pytest.mark.parametrize("duration", ["0s", "-1.5s", "-0.000001s", "3.5s", "10s", "2419200s"])
def test_a_duration_is_written_as_it_was_given(duration: str) -> None:
    out, _ = read(nested(("android",), "ttl", duration), SEND_REQUEST)
    assert written(out)["message"]["android"]["ttl"] == duration


def test_every_violation_is_told_not_only_the_first() -> None:
    _, violations = read({"message": {"x": 1, "data": {"a": 1, "b": "ok", "c": True}}}, SEND_REQUEST)
    assert [place for place, _ in violations] == ["message", "message.data[0].value", "message.data[2].value"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
known_names = st.sampled_from(sorted({name for _, field in ALL for name in (field.name, camel(field.name))}))
messages = st.dictionaries(known_names, json_values | st.dictionaries(known_names, json_values), max_size=6)


@given(messages)
def test_the_reader_never_fails_and_never_invents_a_name(message: dict[str, Any]) -> None:
    out, violations = parse(json.dumps({"message": message}).encode(), SEND_REQUEST)
    assert set(out) <= {"message"}
    assert all(text for _, text in violations)
    if not violations:
        assert set(out.get("message") or {}) <= {field.name for field in MESSAGE.fields}


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    out, violations = parse(body, SEND_REQUEST)
    assert violations or isinstance(out, dict)
