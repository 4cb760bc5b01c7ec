"""Commands over AMQP as the door reads them, and their answers as the caller gets them."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from services.client import commands
from services.client.errors import CarillonError, NoAnswer, Refused
from shared.flow.answer import CommandAnswer
from shared.flow.audience import Audience
from shared.flow.estimate import EstimateCommand
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.preview import Preview, PreviewCommand
from shared.flow.send import Command, OrderCommand, Problem, ReplaceCommand, SendRequest

REQUEST = SendRequest(audience=Audience(users=("ada",)), message=Message(title="Ding"), ttl=60)


def packed(said: commands.Said) -> bytes:
    return said.packed("a7k2m4")


def rejected(*pointers: str, detail: str = "why", **more: Any) -> CommandAnswer:
    errors = tuple(Problem(pointer=one, detail=detail) for one in pointers)
    return CommandAnswer(id="order-4711", state="rejected", errors=errors, **more)


def test_a_command_is_one_as_the_door_reads_it_and_its_signature_is_of_its_bytes() -> None:
    body = packed(commands.sends([("order-4711", REQUEST)]))
    command = Command.model_validate_json(body, strict=True)
    assert (command.app, command.id, command.request()) == ("a7k2m4", "order-4711", REQUEST)
    assert commands.signed(body, "as_a7k2m4_x") == hmac.new(b"as_a7k2m4_x", body, hashlib.sha256).hexdigest()
    bundle = json.loads(packed(commands.sends([("order-4711", REQUEST), ("order-4712", REQUEST)])))
    assert [one["id"] for one in bundle["commands"]] == ["order-4711", "order-4712"]


@pytest.mark.parametrize("wish", Wish)
def test_an_order_is_one_as_the_door_reads_it(wish: Wish) -> None:
    for key in ("k1", None):
        read = OrderCommand.model_validate_json(packed(commands.order("order-4711", wish, key)), strict=True)
        assert (read.id, read.do, read.key) == ("order-4711", wish, key)


def test_a_replacement_and_the_questions_are_what_the_door_reads() -> None:
    replaced = ReplaceCommand.model_validate_json(
        packed(commands.replacement("order-4711", REQUEST, "k1")), strict=True
    )
    assert (replaced.id, replaced.key, replaced.request()) == ("order-4711", "k1", REQUEST)
    asked = EstimateCommand.model_validate_json(packed(commands.estimate(REQUEST.audience)), strict=True)
    assert asked.audience == REQUEST.audience
    wanted = Preview(device="0" * 24, message=REQUEST.message, values={"seat": "3L"})
    seen = PreviewCommand.model_validate_json(packed(commands.preview(wanted)), strict=True)
    assert (seen.device, seen.message, seen.values) == (wanted.device, wanted.message, wanted.values)


@pytest.mark.parametrize("many", [0, 1001])
def test_what_no_planner_would_read_is_refused_at_once(many: int) -> None:
    with pytest.raises(Refused, match="422: /commands: ") as refused:
        packed(commands.sends([(f"order-{n}", REQUEST) for n in range(many)]))
    assert refused.value.problems[0].pointer == "/commands"
    wide = REQUEST.model_copy(update={"message": Message(data={"a": "x" * 2**25})})
    with pytest.raises(Refused, match="413: at most 32,768 kB"):
        packed(commands.sends([("order-4711", wide)]))


def test_a_rejection_is_refused_with_the_status_that_http_has_for_it() -> None:
    cases = [
        (commands.accepted, rejected("/ttl", "/message"), 422, "/ttl: why"),
        (commands.accepted, rejected("/id"), 422, "/id: why"),
        (commands.accepted, rejected("/id", conflict=True), 409, "why"),
        (commands.accepted, rejected("", detail="at most 64 kB"), 413, "at most 64 kB"),
        (commands.accepted, rejected("", detail="either"), 422, "either"),
        (commands.ordered, rejected("/id"), 404, "why"),
        (commands.ordered, rejected("/do"), 409, "why"),
        (commands.ordered, rejected("/key", conflict=True), 409, "why"),
        (commands.ordered, rejected("/audience/variants/0"), 422, "/audience/variants/0: why"),
    ]
    for read, answer, status, detail in cases:
        with pytest.raises(Refused) as refused:
            read(answer)
        assert (refused.value.status, refused.value.detail) == (status, detail)
        assert refused.value.problems == answer.errors
    with pytest.raises(CarillonError, match="neither"):
        commands.accepted(rejected())
    paused = CommandAnswer(id="order-4711", state="paused")
    assert commands.ordered(paused) is paused


def test_an_answer_of_a_newer_server_is_read_as_far_as_it_is_known() -> None:
    estimate = {"devices": 1, "examined": 1, "exact": True, "platforms": {}, "variants": [], "newer": 1}
    told = {"id": "order-4711", "state": "estimated", "estimate": estimate, "newer": {"a": 1}}
    (answer,) = commands.answers_in(json.dumps(told).encode())
    assert answer.estimate is not None
    assert answer.estimate.devices == 1
    assert len(commands.answers_in(json.dumps({"v": 1, "answers": [told, told]}).encode())) == 2


def test_who_hears_no_answer_is_told_what_may_have_come_of_it_and_how_to_ask_again() -> None:
    said = commands.order("order-4711", Wish.PAUSE, "k1")
    text = str(NoAnswer(said.ids, said.what, then=f"none came within 30 s; {said.then}", key=said.key))
    assert text == (
        "no answer to the order to pause the send order-4711: none came within 30 s; it may have been carried out, or "
        "may still be; ordered again with the key k1 it is carried out once"
    )
    many = NoAnswer([f"o-{n}" for n in range(1000)])
    assert (str(many), len(many.ids)) == ("no answer to o-0, o-1, o-2 and 997 more", 1000)


def test_an_app_secret_says_for_which_app_it_is() -> None:
    assert commands.app_of("as_a7k2m4_s3cr_t") == "a7k2m4"
    for wrong in ("cs_a7k2m4_x", "as_", "", "secret"):
        with pytest.raises(ValueError, match="as_"):
            commands.app_of(wrong)
