"""What the client asks and how it reads answers, good and bad."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from services.client import asks, commands
from services.client.errors import CarillonError, Refused, TryLater
from services.client.http import pause
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.send import Command, SendRequest, TemplateRef

REQUEST = SendRequest(audience=Audience(users=("ada",)), message=Message(title="Ding"), ttl=60)
SENT = {
    "id": "0123456789", "state": "accepted", "lane": "now", "newer": 1,
    "accepted_at": "2030-01-01T00:00:00Z", "deadline": "2030-01-02T00:00:00Z",
}  # fmt: skip


def read(status: int, told: Any, retry_after: str | None = None, ask: asks.Ask[Any] | None = None) -> Any:
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    return asks.answered(ask or asks.send(REQUEST, "k"), status, content, retry_after)


def test_only_what_was_said_is_sent() -> None:
    asked = asks.send(REQUEST, "k")
    assert asked.body == {"audience": {"users": ["ada"]}, "message": {"title": "Ding"}, "ttl": 60}
    assert (asked.method, asked.path, asked.key) == ("POST", "/v1/sends", "k")


def test_a_success_is_read_and_what_is_newer_passed_over() -> None:
    assert read(202, SENT).id == "0123456789"


def test_a_refusal_names_each_field() -> None:
    with pytest.raises(Refused, match="422: /ttl: too small") as refused:
        read(422, {"detail": "/ttl: too small", "errors": [{"pointer": "/ttl", "detail": "too small"}]})
    assert [one.pointer for one in refused.value.problems] == ["/ttl"]


@pytest.mark.parametrize(("told", "after"), [("7", 7), (None, 2), ("soon", 2)])
def test_an_outage_says_how_long_to_wait(told: str | None, after: int) -> None:
    with pytest.raises(TryLater) as later:
        read(503, {"detail": "the broker is away"}, told)
    assert later.value.after == timedelta(seconds=after)
    assert pause(later.value, 1) >= after


@pytest.mark.parametrize("told", [b"<html>", b"[]", b"", {"id": 5}])
def test_an_answer_that_is_not_carillons_is_no_success(told: object) -> None:
    with pytest.raises(CarillonError, match="not Carillon's"):
        read(202, told)


def test_the_outcomes_of_a_batch_stay_in_their_places() -> None:
    problem = {"detail": "/ttl: too small", "errors": [{"pointer": "/ttl", "detail": "too small"}]}
    told = {"results": [{"status": 202, "send": SENT}, {"status": 422, "problem": problem}]}
    first, second = read(200, told, ask=asks.batch([REQUEST, REQUEST], "k"))
    assert (first.send.id, first.problems) == ("0123456789", ())
    assert (second.send, second.problems[0].pointer, second.detail) == (None, "/ttl", "/ttl: too small")


def test_what_changes_nothing_or_has_a_key_may_be_asked_again() -> None:
    assert asks.send(REQUEST, "k").repeatable
    assert asks.validate(REQUEST).repeatable
    assert asks.status("0123456789").repeatable
    assert not asks.Ask("POST", "/v1/sends", str).repeatable


def test_a_command_is_one_as_the_door_reads_it_and_its_signature_is_of_its_bytes() -> None:
    body = commands.packed("a7k2m4", [("order-4711", REQUEST)])
    command = Command.model_validate_json(body, strict=True)
    assert (command.app, command.id, command.request()) == ("a7k2m4", "order-4711", REQUEST)
    assert commands.signed(body, "as_a7k2m4_x") == hmac.new(b"as_a7k2m4_x", body, hashlib.sha256).hexdigest()
    bundle = json.loads(commands.packed("a7k2m4", [("order-4711", REQUEST), ("order-4712", REQUEST)]))
    assert [one["id"] for one in bundle["commands"]] == ["order-4711", "order-4712"]


def test_an_app_secret_says_for_which_app_it_is() -> None:
    assert commands.app_of("as_a7k2m4_s3cr_t") == "a7k2m4"
    for wrong in ("cs_a7k2m4_x", "as_", "", "secret"):
        with pytest.raises(ValueError, match="as_"):
            commands.app_of(wrong)


def test_a_stored_template_takes_the_place_of_the_message() -> None:
    request = asks.request_of(Audience(users=("ada",)), None, {"template": TemplateRef(name="welcome")})
    assert asks.send(request, "k").body == {"audience": {"users": ["ada"]}, "template": {"name": "welcome"}}


@pytest.mark.parametrize("wish", Wish)
def test_an_order_may_be_repeated_without_a_key(wish: Wish) -> None:
    asked = asks.order("0123456789", wish)
    assert (asked.method, asked.path, asked.body) == ("POST", f"/v1/sends/0123456789:{wish}", None)
    assert asked.repeatable
    assert asks.replace("0123456789", REQUEST).body == asks.send(REQUEST, "k").body
