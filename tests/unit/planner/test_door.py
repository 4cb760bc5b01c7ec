"""The AMQP door: what belongs to the dead letters, and what is a rejected send."""

import json

import pytest

from services.planner.door import may_reply, named_app, unpacked
from services.planner.told import id_for
from shared.taking import Unreadable


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'"text"',
        b'{"commands": []}',
        b'{"commands": [1]}',
        b'{"v": 2, "commands": [{}]}',
    ],
)
def test_a_body_that_holds_no_command_belongs_to_the_dead_letters(body: bytes) -> None:
    with pytest.raises(Unreadable):
        unpacked(body)


def test_a_message_holds_one_command_or_a_bundle() -> None:
    assert unpacked(b'{"app": "a1b"}') == [{"app": "a1b"}]
    assert len(unpacked(json.dumps({"v": 1, "commands": [{"app": "a1b"}] * 3}).encode())) == 3


@pytest.mark.parametrize("commands", [[{}], [{"app": 5}], [{"app": "UP"}], [{"app": "abc"}, {"app": "abd"}]])
def test_commands_that_do_not_name_one_app_belong_to_the_dead_letters(commands: list[dict[str, object]]) -> None:
    with pytest.raises(Unreadable):
        named_app(commands)


def test_a_rejected_command_keeps_its_id_or_gets_one_that_a_redelivery_repeats() -> None:
    assert id_for({"id": "order-4711-paid"}, "f1") == "order-4711-paid"
    assert id_for({"id": 5, "x": 1}, "f1") == id_for({"x": 1, "id": 5}, "f1") == "rejected-f1"


@pytest.mark.parametrize(
    ("reply_to", "allowed"),
    [
        ("amq.rabbitmq.reply-to", True),
        ("amq.rabbitmq.reply-to.g1h2", True),
        ("ext.abc.answers", True),
        ("ext.abd.answers", False),
        ("ext.abc", False),
        ("sends.now", False),
        ("results.now", False),
        (None, False),
    ],
)
def test_an_answer_goes_only_where_the_app_itself_listens(reply_to: str | None, *, allowed: bool) -> None:
    assert may_reply("abc", reply_to) is allowed
