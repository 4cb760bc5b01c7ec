"""The laws of accepting: nothing is lost, nothing is doubled, and a problem leaves nothing behind."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.accept import RouteTarget, accept, lists_of, unread
from shared.flow.audience import NAMED_INLINE, Audience
from shared.flow.lane import NOW_BY_DEFAULT, NOW_MAX, Lane
from shared.flow.message import Message
from shared.flow.send import Problem, Send, SendRequest
from shared.flow.timing import DEFAULT_TTL
from tests.unit.ingest.requests import NOW, VARIANTS, accepted, requests, to


def named(audience: Audience) -> dict[str, tuple[str, ...]]:
    if audience.tokens is not None:
        return {f"tokens/{variant}": tokens for variant, tokens in audience.tokens.items()}
    return {"users": audience.users} if audience.users else {"devices": audience.devices} if audience.devices else {}


@given(requests)
def test_no_recipient_is_lost_or_doubled(request_: SendRequest) -> None:
    send, lists = accepted(request_), lists_of(request_)
    if send.problems:
        return
    found = lists if send.lists else named(send.request.audience)
    assert found == {name: tuple(dict.fromkeys(values)) for name, values in named(request_.audience).items()}


@given(requests)
def test_the_lengths_in_the_send_are_those_of_the_lists(request_: SendRequest) -> None:
    send = accepted(request_)
    if not send.problems:
        lists = lists_of(request_)
        assert {name: sum(lengths) for name, lengths in send.lists.items()} == {
            name: len(values) for name, values in lists.items()
        }


@given(requests)
def test_a_send_is_small_if_and_only_if_it_holds_all_whom_it_names(request_: SendRequest) -> None:
    send = accepted(request_)
    named = send.request.audience.named
    if not send.problems:
        assert send.small == (named is not None and not send.lists)
        assert not send.small or (named or 0) <= NAMED_INLINE


@given(requests)
def test_routes_are_variants_of_the_app_that_the_audience_keeps(request_: SendRequest) -> None:
    send, audience = accepted(request_), request_.audience
    by_id = {one.variant: one.platform for one in VARIANTS}
    for route in send.routes:
        assert by_id[route.variant] == route.platform
        assert not audience.platforms or route.platform in audience.platforms
        assert not audience.variants or route.variant in audience.variants
        assert audience.tokens is None or route.variant in audience.tokens
    assert len({route.variant for route in send.routes}) == len(send.routes)
    assert bool(send.routes) != bool(send.problems)


@given(requests)
def test_a_stored_send_reads_back_as_itself(request_: SendRequest) -> None:
    send = accepted(request_)
    assert Send.model_validate_json(send.model_dump_json(exclude_defaults=True)) == send


@given(requests)
def test_the_deadline_is_the_ttl_after_acceptance_to_the_millisecond(request_: SendRequest) -> None:
    send = accepted(request_)
    ttl = DEFAULT_TTL if request_.ttl is None else timedelta(seconds=request_.ttl)
    assert timedelta(milliseconds=-1) <= send.deadline - (send.accepted_at + ttl) <= timedelta(milliseconds=1)
    assert send.accepted_at.microsecond % 1000 == 0


@given(requests, st.sampled_from(["http", "amqp"]))
def test_the_same_request_becomes_the_same_send_by_either_door(request_: SendRequest, source: Any) -> None:
    by_door = accept(request_, "a1", "a1.send0001", VARIANTS, NOW, source, check=lambda *_: ())
    assert by_door.model_copy(update={"source": "http"}) == accepted(request_)


def test_what_the_providers_find_rejects_with_pointers_into_the_request() -> None:
    send = accepted(to(everyone=True), problems=(Problem(pointer="/apns/aps", detail="too large"),))
    assert send.problems == (Problem(pointer="/message/apns/aps", detail="too large"),)
    assert (send.routes, send.lists) == ((), {})


def test_the_message_is_checked_for_the_variants_that_it_goes_to() -> None:
    seen: list[tuple[dict[str, Sequence[Any]], str]] = []

    def check(_: Message, targets: dict[str, Sequence[Any]], kind: str) -> list[Problem]:
        seen.append((targets, kind))
        return []

    variants = (RouteTarget("v1", "apns", "one"), RouteTarget("v2", "fcm", "two"), RouteTarget("v3", "fcm"))
    accept(to(variants=["v2", "v3"]), "a1", "a1.send0001", variants, NOW, check=check)
    assert seen == [({"fcm": ["two"]}, "token")]


def test_each_unknown_name_is_a_problem_of_its_own() -> None:
    narrowed = accepted(to(variants=["v1", "x", "y"], platforms=["apns", "pigeon"]))
    assert [one.pointer for one in narrowed.problems] == [
        "/audience/variants/1", "/audience/variants/2", "/audience/platforms/1",
    ]  # fmt: skip
    tokens = accepted(to(tokens={"a/b~c": ["t"], "v1": ["t"]}))
    assert [one.pointer for one in tokens.problems] == ["/audience/tokens/a~1b~0c"]


def test_narrowing_that_leaves_no_variant_is_a_problem() -> None:
    assert accepted(to(variants=["v1"], platforms=["fcm"])).problems[0].pointer == "/audience"
    assert accepted(to(everyone=True), variants=()).problems[0].pointer == "/audience"


def test_few_named_recipients_go_by_now_and_all_others_by_bulk() -> None:
    def lane(count: int, wish: Lane | None = None) -> Send:
        request = to(users=[f"u{n}" for n in range(count)]).model_copy(update={"lane": wish})
        return accepted(request)

    assert lane(NOW_BY_DEFAULT).lane is Lane.NOW
    assert lane(NOW_BY_DEFAULT + 1).lane is Lane.BULK
    assert lane(NOW_BY_DEFAULT, Lane.BULK).lane is Lane.BULK
    assert (lane(NOW_MAX, Lane.NOW).lane, lane(NOW_MAX, Lane.NOW).problems) == (Lane.NOW, ())
    assert [one.pointer for one in lane(NOW_MAX + 1, Lane.NOW).problems] == ["/lane"]
    broadcast = to(everyone=True).model_copy(update={"lane": Lane.NOW})
    assert [one.pointer for one in accepted(broadcast).problems] == ["/lane"]


def test_repeats_do_not_count_towards_a_limit() -> None:
    repeated = ["ada"] * (NOW_MAX + 1)
    request = to(users=repeated).model_copy(update={"lane": Lane.NOW})
    send = accepted(request)
    assert (send.problems, send.small, send.request.audience.users) == ((), True, ("ada",))


def test_a_rejected_send_of_many_stays_small_enough_to_store() -> None:
    send = accepted(to(users=[f"{n:0100}" for n in range(20_000)], platforms=["pigeon"]))
    assert send.problems
    assert len(send.model_dump_json()) < 2000


def test_an_unread_command_is_rejected_and_has_nowhere_to_go() -> None:
    send = unread("a1", "a1.order-0001", [Problem(pointer="", detail="no JSON object")], NOW)
    assert (send.routes, send.lists, send.source, bool(send.problems)) == ((), {}, "amqp", True)
    assert Send.model_validate_json(send.model_dump_json(exclude_defaults=True)) == send
