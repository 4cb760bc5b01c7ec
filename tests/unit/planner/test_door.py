"""The AMQP door: what belongs to the dead letters, and what is a rejected send."""

import json
from typing import Any

import pytest

from services.planner.answering import Read, answer, may_reply
from services.planner.told import id_for, told
from services.planner.unpacking import ENVELOPE, Raw, named_app, unpacked
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.send import OrderCommand, ReplaceCommand, Send, SendRequest
from shared.flow.size import LARGE, SMALL
from shared.taking import Unreadable
from tests.unit.ingest.requests import accepted

Json = dict[str, Any]
HEAD: Json = {"v": 1, "app": "a7k2m4", "id": "order-4711"}


def raw(said: Json) -> Raw:
    (one,) = unpacked(json.dumps(said).encode())
    return one


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
        b'{"commands": [{}], "more": 1}',
        json.dumps({"commands": [{}] * 1001}).encode(),
        b'{"a":' * 100_000,
        b" " * (LARGE + 1),
    ],
)
def test_a_body_that_holds_no_command_belongs_to_the_dead_letters(body: bytes) -> None:
    with pytest.raises(Unreadable):
        unpacked(body)


def test_a_message_holds_one_command_or_a_bundle() -> None:
    assert [one.said for one in unpacked(b'{"app": "a1b"}')] == [{"app": "a1b"}]
    assert len(unpacked(json.dumps({"v": 1, "commands": [{"app": "a1b"}] * 3}).encode())) == 3


@pytest.mark.parametrize("depth", [*range(150, 220), *range(900, 1000)])
def test_a_command_of_any_depth_is_read_or_belongs_to_the_dead_letters(depth: int) -> None:
    """Each reader of JSON has a bound of its own: none of them is met outside of a decision."""
    for nested in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        for named, do in ((b'"a7k2m4"', b"1"), (nested, b"1"), (b'"a7k2m4"', nested)):
            try:
                commands = unpacked(b'{"app": %s, "id": "deep-one", "do": %s, "deep": %s}' % (named, do, nested))
                app = named_app(commands)
            except Unreadable:
                continue
            assert [one.problems != () for one in (told(app, each) for each in commands)] == [True]


def test_members_in_any_order_are_the_same_command_and_any_difference_makes_another() -> None:
    first = raw({"app": "a1b", "id": "x", "ttl": 5})
    assert raw({"ttl": 5, "id": "x", "app": "a1b"}).mark == first.mark
    assert raw({"app": "a1b", "id": "x", "ttl": 6}).mark != first.mark


def test_a_command_has_the_bytes_that_its_request_would_have_over_http() -> None:
    request = {"message": {"title": "Ж" * SMALL}}
    size = len('{"message":{"title":""}}') + 2 * SMALL
    one = raw({**HEAD, "do": "replace", **request})
    assert (one.larger_than(size - 1), one.larger_than(size)) == (True, False)
    assert not raw({**HEAD, "message": {}}).larger_than(SMALL)
    assert ReplaceCommand.model_fields.keys() - SendRequest.model_fields.keys() == ENVELOPE


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"do": "replace", "audience": {"everyone": True}}, False),
        ({"do": "replace", "audience": {"users": [f"u{n}" for n in range(11)]}}, True),
        ({"do": "preview", "device": "0" * 24}, False),
    ],
)
def test_what_is_told_may_be_as_large_as_over_http(said: Json, *, fits: bool) -> None:
    found = told("a7k2m4", raw({**HEAD, **said, "message": {"data": {"a": "x" * SMALL}}}))
    assert [one.pointer for one in found.problems] == ([] if fits else [""])


@pytest.mark.parametrize(
    ("do", "pointers"),
    [
        ({"do": "explode"}, ["/do"]),
        ({"do": None}, ["/do"]),
        ({"do": ["cancel"]}, ["/do"]),
        ({"do": "cancel", "audience": {"everyone": True}}, ["/audience"]),
        ({"do": "replace"}, ["/audience"]),
        ({"do": "estimate"}, ["/audience"]),
        ({"do": "estimate", "audience": {}}, ["/audience"]),
        ({"do": "preview", "device": "0" * 24}, [""]),
        ({"do": "pause", "key": "no key"}, ["/key"]),
    ],
)
def test_what_is_wrong_with_an_order_or_a_question_is_named(do: Json, pointers: list[str]) -> None:
    found = told("a7k2m4", raw({**HEAD, **do}))
    assert (found.asked, [one.pointer for one in found.problems]) == (None, pointers)


def test_an_order_is_read_with_its_key() -> None:
    found = told("a7k2m4", raw({**HEAD, "do": "pause", "key": "p-1"}))
    assert isinstance(found.asked, OrderCommand)
    assert (found.id, found.asked.do, found.asked.key) == ("order-4711", "pause", "p-1")


def sent(**update: object) -> Send:
    request = SendRequest(audience=Audience(everyone=True), message=Message(title="Ding"))
    return accepted(request).model_copy(update={"fingerprint": "f1", **update})


def test_an_accepted_command_hears_what_a_request_does() -> None:
    said = answer(Read(sent(), {}), None).said()
    assert said == {
        "id": "send0001", "state": "accepted", "lane": "bulk",
        "accepted_at": "2030-01-01T12:00:00.123000Z", "deadline": "2030-01-02T12:00:00.123000Z",
    }  # fmt: skip
    valid = answer(Read(sent(), {}, check_only=True), None).said()
    routes = [
        {"variant": "v1", "platform": "apns"},
        {"variant": "v2", "platform": "fcm"},
        {"variant": "v3", "platform": "fcm"},
    ]
    assert valid == {"id": "send0001", "state": "valid", "lane": "bulk", "variants": routes}


def test_the_same_command_hears_what_became_of_the_first_and_another_that_its_id_is_used() -> None:
    first = sent()
    again = answer(Read(sent(accepted_at=first.deadline), {}), first).said()
    assert again == {**answer(Read(first, {}), None).said(), "duplicate": True}
    other = answer(Read(sent(fingerprint="f2"), {}), first).said()
    used = {"pointer": "/id", "detail": "another send has this id"}
    assert other == {"id": "send0001", "state": "rejected", "errors": [used], "conflict": True}


@pytest.mark.parametrize("commands", [[{"id": "x"}], [{"app": 5}], [{"app": "UP"}], [{"app": "abc"}, {"app": "abd"}]])
def test_commands_that_do_not_name_one_app_belong_to_the_dead_letters(commands: list[Json]) -> None:
    with pytest.raises(Unreadable):
        named_app([raw(one) for one in commands])


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
