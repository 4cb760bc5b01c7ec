"""What the caller says becomes a request that the door reads as the same; what is wrong is refused by field."""

import json
from typing import Any

import pytest

from services.client.composing import Options, Said, body_of, preview_of, request_of
from services.client.errors import Refused
from services.ingest.profile import Profile
from shared.flow.audience import Audience
from shared.flow.filter import Filter
from shared.flow.message import Message
from shared.flow.send import SendRequest, TemplateRef
from tests.unit.flow.send_fields import BASE, GOOD, LATER

ADA = Audience(users=("ada",))


@pytest.mark.parametrize("name", GOOD)
def test_every_field_of_a_send_arrives_as_it_was_said(name: str) -> None:
    for case in GOOD[name]:
        text = json.dumps({**BASE, **case}).replace("{soon}", f"{LATER}Z").replace("{soon_local}", LATER)
        said = SendRequest.model_validate_json(text, strict=True)
        rest = {field: getattr(said, field) for field in said.model_fields_set - {"audience", "message"}}
        written = json.dumps(body_of(request_of(said.audience, said.message, rest)))
        assert SendRequest.model_validate_json(written, strict=True) == said


def test_the_options_are_the_fields_of_a_send_and_the_sayings_those_of_a_device() -> None:
    said_otherwise = {"audience", "message", "validate_only"}
    assert set(Options.__annotations__) == set(SendRequest.model_fields) - said_otherwise
    assert set(Said.__annotations__) == set(Profile.model_fields)


@pytest.mark.parametrize(
    ("rest", "pointers"),
    [
        ({"ttl": -1}, ["/ttl"]),
        ({"tll": 60}, ["/tll"]),
        ({"repeat": {"cron": "never"}}, ["/repeat/cron"]),
        ({"values": {"ada": {"seat": object()}}}, ["/values/ada/seat"]),
    ],
)
def test_what_is_wrong_is_refused_by_field_before_anything_is_sent(rest: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Refused, match=f"422: {pointers[0]}: ") as refused:
        request_of(ADA, Message(title="Ding"), rest)
    assert [one.pointer for one in refused.value.problems] == pointers


def test_a_filter_is_written_in_the_words_of_the_contract() -> None:
    one = Filter(and_=(Filter(field="language", in_=("de", "fr")), Filter(not_=Filter(field="tags", eq="a"))))
    assert body_of(Audience(filter=one)) == {
        "filter": {"and": [{"field": "language", "in": ["de", "fr"]}, {"not": {"field": "tags", "eq": "a"}}]}
    }


def test_a_preview_is_of_a_message_or_a_template() -> None:
    wanted = preview_of("0" * 24, None, TemplateRef(name="welcome"), {"seat": "3L"})
    assert body_of(wanted) == {"device": "0" * 24, "template": {"name": "welcome"}, "values": {"seat": "3L"}}
    with pytest.raises(Refused, match="422: name a `template` or give a `message`"):
        preview_of("0" * 24, None, None, None)
    with pytest.raises(Refused, match="422: /device: "):
        preview_of("mine", Message(title="Ding"), None, None)
