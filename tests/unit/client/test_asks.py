"""What the client asks and how it reads answers, good and bad."""

import json
from datetime import timedelta
from typing import Any

import pytest

from services.client import asks, outcome_asks, stock_asks
from services.client.ask import Ask, again, answered, gone_before, left_open, pause
from services.client.composing import request_of
from services.client.errors import CarillonError, Refused, TryLater, Unreachable
from shared.flow.audience import Audience
from shared.flow.message import Message
from shared.flow.order import Wish
from shared.flow.send import SendRequest, TemplateRef

REQUEST = SendRequest(audience=Audience(users=("ada",)), message=Message(title="Ding"), ttl=60)
SENT = {
    "id": "0123456789", "state": "accepted", "lane": "now", "newer": 1,
    "accepted_at": "2030-01-01T00:00:00Z", "deadline": "2030-01-02T00:00:00Z",
}  # fmt: skip


def read(status: int, told: Any, retry_after: str | None = None, ask: Ask[Any] | None = None) -> Any:
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    return answered(ask or asks.send(REQUEST, "k"), status, content, retry_after)


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
    assert not Ask("POST", "/v1/sends", str).repeatable


def test_a_stored_template_takes_the_place_of_the_message() -> None:
    request = request_of(Audience(users=("ada",)), None, {"template": TemplateRef(name="welcome")})
    assert asks.send(request, "k").body == {"audience": {"users": ["ada"]}, "template": {"name": "welcome"}}


@pytest.mark.parametrize("wish", Wish)
def test_an_order_may_be_repeated_with_and_without_a_key(wish: Wish) -> None:
    asked = asks.order("0123456789", wish)
    assert (asked.method, asked.path, asked.body, asked.headers) == ("POST", f"/v1/sends/0123456789:{wish}", None, {})
    assert asked.repeatable
    assert asks.order("0123456789", wish, "k").headers == {"idempotency-key": "k"}
    assert asks.replace("0123456789", REQUEST).body == asks.send(REQUEST, "k").body


@pytest.mark.parametrize("key", ["", "zwölf", "two words", "x" * 256, "line\n"])
def test_a_key_that_no_door_takes_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(Refused, match="visible ASCII") as refused:
        asks.send(REQUEST, key)
    assert [one.pointer for one in refused.value.problems] == ["/key"]


def test_whatever_an_id_is_it_stays_one_segment_of_the_path() -> None:
    assert asks.status("../apps?x#y").path == "/v1/sends/..%2Fapps%3Fx%23y"
    assert outcome_asks.story("a/b", "c/d").path == "/v1/sends/a%2Fb/devices/c%2Fd"
    assert stock_asks.remove("a b").path == "/v1/devices/a%20b"


def test_who_asks_too_often_is_told_to_come_later_and_who_is_told_to_wait_for_long_hears_of_it() -> None:
    with pytest.raises(TryLater) as soon:
        read(429, {}, "3")
    with pytest.raises(TryLater) as late:
        read(503, {"detail": "closed"}, "86400")
    ask = asks.send(REQUEST, "k")
    assert again(ask, soon.value, 1, 4) == 3
    assert again(ask, soon.value, 4, 4) is None
    assert again(ask, late.value, 1, 4) is None
    assert again(Ask("POST", "/v1/x", str), soon.value, 1, 4) is None
    assert again(ask, Unreachable("gone"), 2, 4) == 0.8


def test_an_unknown_outcome_says_under_which_id_the_send_may_be_found() -> None:
    with pytest.raises(TryLater) as later:
        read(503, {"type": "/problems/outcome-unknown", "detail": "look", "send": "0123456789"})
    assert later.value.send == "0123456789"


def test_a_batch_of_which_the_store_failed_at_a_part_is_asked_again_under_its_key() -> None:
    good, bad = {"status": 202, "send": SENT}, {"status": 503, "problem": {"detail": "the store does not answer"}}
    ask = asks.batch([REQUEST, REQUEST], "k")
    whole, part = (read(200, {"results": some}, ask=ask) for some in ([good, good], [good, bad]))
    assert left_open(ask, whole, 1, 4) is None
    assert left_open(ask, part, 1, 4) == 0.4
    assert left_open(ask, part, 4, 4) is None


def test_what_is_valid_in_a_batch_says_what_it_would_go_to() -> None:
    valid = {"state": "valid", "lane": "now", "variants": [{"variant": "v1", "platform": "apns"}]}
    (one,) = read(200, {"results": [{"status": 200, "send": valid}]}, ask=asks.batch([REQUEST], "k"))
    assert one.send is None
    assert [route.variant for route in one.valid.variants] == ["v1"]


def test_what_a_try_before_has_removed_is_removed() -> None:
    gone = Refused(404, "the app has no such device")
    assert not gone_before(stock_asks.remove("d"), gone, 1)
    assert gone_before(stock_asks.remove("d"), gone, 2)
    assert not gone_before(asks.status("s"), gone, 2)
