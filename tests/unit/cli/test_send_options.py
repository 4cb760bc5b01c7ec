"""What a person types after `carillon send` becomes the request that a backend would have written."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.__main__ import build
from services.cli.composing import canary, compose, local, read_object, repeat, some, template, values_by_user
from services.cli.errors import CommandError
from shared.flow.lane import Lane
from shared.flow.send import SendRequest


def composed(message: dict[str, Any], audience: dict[str, Any], **rest: Any) -> SendRequest:
    return compose({}, message, audience, rest)


def test_options_that_were_not_given_are_not_in_the_request() -> None:
    nothing: dict[str, Any] = {"users": None, "tags": None, "platforms": []}
    request = composed({"title": "Hi", "body": None, "data": {}}, {"everyone": True, **nothing}, ttl=None, lane=None)
    assert request.model_dump(exclude_unset=True) == {"message": {"title": "Hi"}, "audience": {"everyone": True}}


def test_every_option_lands_in_its_field() -> None:
    message = {"title": "t", "body": "b", "data": {"k": "v"}, "priority": "normal", "collapse_key": "c"}
    audience = {"users": ["ada"], "platforms": ["apns"], "tags": {"any": ["news"]}}
    request = composed(message, audience, ttl=60.0, lane=Lane.BULK)
    assert request.message.model_dump(exclude_unset=True) == message
    assert request.audience.users == ("ada",)
    assert request.audience.tags is not None
    assert request.audience.tags.any == ("news",)
    assert (request.ttl, request.lane) == (60.0, "bulk")


def test_a_file_gives_what_options_do_not_and_options_win() -> None:
    file = {"message": {"title": "file", "body": "file", "apns": {"aps": {"badge": 3}}}, "audience": {"users": ["ada"]}}
    request = compose(file, {"title": "option"}, {}, {"ttl": 5})
    assert (request.message.title, request.message.body) == ("option", "file")
    assert request.message.raw_for("apns") == {"aps": {"badge": 3}}
    assert request.ttl == 5


@pytest.mark.parametrize(
    ("message", "audience", "rest", "said"),
    [
        ({"title": "t"}, {}, {}, "audience: Value error, say whom"),
        ({"title": "t"}, {"everyone": True, "users": ["ada"]}, {}, "everyone stands alone"),
        ({"image": "ftp://x"}, {"everyone": True}, {}, "message.image"),
        ({"title": "t"}, {"everyone": True}, {"ttl": timedelta(days=29).total_seconds()}, "ttl"),
    ],
)
def test_a_wrong_request_is_refused_with_the_name_of_the_field(
    message: dict[str, Any], audience: dict[str, Any], rest: dict[str, Any], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        compose({}, message, audience, rest)


def test_data_without_an_equals_sign_is_refused() -> None:
    done = CliRunner().invoke(
        build(), ["send", "--everyone", "--data", "oops", "--url", "http://127.0.0.1:9", "--secret", "s"]
    )
    assert isinstance(done.exception, CommandError)
    assert "KEY=VALUE" in str(done.exception)


def test_a_request_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "send.json"
    file.write_text(json.dumps(["no", "object"]), "utf-8")
    done = CliRunner().invoke(build(), ["send", "--request", str(file), "--url", "http://127.0.0.1:9", "--secret", "s"])
    assert isinstance(done.exception, CommandError)
    assert "a send is a JSON object" in str(done.exception)


def test_whom_it_is_for_and_whom_not_is_typed_as_it_is_written() -> None:
    conditions = {"and": [{"field": "language", "eq": "de"}, {"field": "tags", "eq": "vip"}]}
    audience = {
        "filter": read_object("--filter", json.dumps(conditions)), "segments": ["regulars"],
        "exclude": some(users=["bob"], devices=None),
    }  # fmt: skip
    request = composed({"title": "t"}, audience)
    said = json.loads(request.audience.model_dump_json(exclude_unset=True, by_alias=True))
    assert said == {"filter": conditions, "segments": ["regulars"], "exclude": {"users": ["bob"]}}


def test_a_template_is_named_in_the_place_of_a_message() -> None:
    request = composed({"title": None, "data": {}}, {"users": ["ada"]}, template=template("welcome@3"))
    assert request.template is not None
    assert (request.template.name, request.template.version) == ("welcome", 3)
    assert "message" not in request.model_fields_set
    assert template("welcome") == {"name": "welcome"}
    assert template(None) is None
    with pytest.raises(CommandError, match="NAME@VERSION"):
        template("welcome@new")


def test_values_are_each_users_own_or_the_same_of_all(tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text('{"ada": {"seat": 3}}', "utf-8")
    assert values_by_user(f"@{file}", None, None) == {"ada": {"seat": 3}}
    assert values_by_user(None, ["seat=3", "row=a"], ["ada", "bob"]) == {
        "ada": {"seat": "3", "row": "a"}, "bob": {"seat": "3", "row": "a"},
    }  # fmt: skip
    assert values_by_user(None, None, ["ada"]) == {}
    for wrong in ((None, ["seat=3"], None), ("{}", ["seat=3"], ["ada"]), ("[]", None, None), (f"@{file}x", None, None)):
        with pytest.raises(CommandError, match="--value"):
            values_by_user(*wrong)


def test_when_it_goes_out_is_typed_in_short() -> None:
    request = composed({"title": "t"}, {"everyone": True}, local=local("2030-01-31T09:00", "Europe/Berlin"))
    assert request.local is not None
    assert (request.local.at.hour, request.local.zone) == (9, "Europe/Berlin")
    request = composed({"title": "t"}, {"everyone": True}, repeat=repeat("0 9 * * mon-fri", None), per_minute=100)
    assert request.repeat is not None
    assert (request.repeat.cron, request.repeat.zone, request.per_minute) == ("0 9 * * mon-fri", "UTC", 100)
    assert canary("1%") == {"share": 0.01}
    assert canary("500") == {"number": 500}
    for wrong in ("1.5", "%", "few"):
        with pytest.raises(CommandError, match="--canary"):
            canary(wrong)


def test_zero_is_said() -> None:
    with pytest.raises(CommandError, match="per_minute"):
        composed({"title": "t"}, {"everyone": True}, per_minute=0)
