"""Every field of the raw blocks is there, takes what it should and refuses the rest by its name."""

from functools import reduce
from typing import Any

import pytest
from pydantic import BaseModel

from shared.flow.message import Message
from shared.providers.apns.aps import Alert, Aps
from shared.providers.apns.block import ApnsBlock
from shared.providers.apns.topics import DEMANDS
from shared.providers.fcm.android import AndroidConfig, AndroidNotification
from shared.providers.fcm.block import ApnsConfig, FcmBlock, FcmNotification, WebpushConfig
from shared.providers.raw_block import checked
from shared.providers.registry import check_message
from tests.unit.providers import fields
from tests.unit.providers.fields import Values

TABLES: list[tuple[str, type[BaseModel], Values]] = [
    ("apns", ApnsBlock, fields.APNS_HEADERS),
    ("apns/aps", Aps, fields.APS),
    ("apns/aps/alert", Alert, fields.ALERT),
    ("fcm", FcmBlock, fields.FCM),
    ("fcm/notification", FcmNotification, fields.FCM_NOTIFICATION),
    ("fcm/android", AndroidConfig, fields.ANDROID),
    ("fcm/android/notification", AndroidNotification, fields.ANDROID_NOTIFICATION),
    ("fcm/apns", ApnsConfig, fields.APNS_CONFIG),
    ("fcm/webpush", WebpushConfig, fields.WEBPUSH),
]
FIELDS = [(place, name, *values) for place, _, table in TABLES for name, values in table.items()]
NAMES = [f"{place}/{name}" for place, name, *_ in FIELDS]


def _raw(path: str, value: Any) -> dict[str, Any]:
    """The value at that place of a message, and nothing else."""
    nested: dict[str, Any] = reduce(lambda inner, key: {key: inner}, reversed(path.split("/")), value)
    return nested


def _checked(path: str, value: Any) -> BaseModel | list[Any]:
    platform, rest = path.split("/", 1)
    return checked(ApnsBlock if platform == "apns" else FcmBlock, _raw(rest, value), platform)


@pytest.mark.parametrize(("place", "model", "table"), TABLES, ids=[place for place, *_ in TABLES])
def test_the_table_and_the_schema_have_the_same_fields(place: str, model: type[BaseModel], table: Values) -> None:
    assert {one.alias or name for name, one in model.model_fields.items()} == set(table)


@pytest.mark.parametrize(("place", "name", "good", "bad"), FIELDS, ids=NAMES)
def test_a_field_takes_what_the_provider_takes(place: str, name: str, good: Any, bad: Any) -> None:
    assert isinstance(_checked(f"{place}/{name}", good), BaseModel)


@pytest.mark.parametrize(("place", "name", "good", "bad"), FIELDS, ids=NAMES)
def test_a_field_refuses_the_wrong_value_and_says_which(place: str, name: str, good: Any, bad: Any) -> None:
    problems = check_message(Message.model_validate(_raw(f"{place}/{name}", bad)), {})
    assert problems
    assert all(one.pointer.startswith(f"/{place}/{name}") for one in problems)


@pytest.mark.parametrize("place", [place for place, *_ in TABLES])
def test_an_unknown_field_is_refused_by_name(place: str) -> None:
    problems = check_message(Message.model_validate(_raw(f"{place}/new", 1)), {})
    assert [one.pointer for one in problems] == [f"/{place}/new"]


def test_the_push_types_are_those_of_the_table() -> None:
    assert {name: (one.suffix, one.limit, one.token_auth) for name, one in DEMANDS.items()} == fields.PUSH_TYPES


@pytest.mark.parametrize("target", ["token", "topic", "condition", "fid", "name", "android_v2"])
def test_a_target_cannot_be_smuggled_into_the_fcm_block(target: str) -> None:
    problems = check_message(Message.model_validate({"fcm": {target: "x"}}), {})
    assert [one.pointer for one in problems] == [f"/fcm/{target}"]


def test_a_platform_that_does_not_exist_is_refused_by_name() -> None:
    problems = check_message(Message.model_validate({"apsn": {"aps": {}}}), {})
    assert [one.pointer for one in problems] == ["/apsn"]


def test_a_problem_never_repeats_the_value() -> None:
    message = Message.model_validate(
        {"apns": {"aps": {"badge": "hush-hush"}}, "fcm": {"android": {"ttl": "hush-hush"}}}
    )
    assert "hush-hush" not in repr(check_message(message, {}))
