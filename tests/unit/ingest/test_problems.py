"""Problems name the field and never repeat a value."""

import pytest

from services.ingest.body import parsed, parsed_query
from services.ingest.cursor import read_cursor, write_cursor
from services.ingest.devices import NewDevice
from services.ingest.problems import OUTCOME_UNKNOWN, Refused, outcome_unknown
from services.ingest.sends import Page
from services.ingest.variants import NewVariant
from shared.flow.send import SendRequest
from tests.unit.ingest.requests import accepted, to

SECRET = "planted-9f8e7d"


def refusal(model: type[SendRequest | NewDevice | NewVariant], body: str) -> Refused:
    with pytest.raises(Refused) as refused:
        parsed(model, body.encode())
    return refused.value


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (f'{{"audience": "{SECRET}"', 400, ""),
        (f'"{SECRET}"', 422, ""),
        (f'{{"audience": "{SECRET}", "message": {{}}}}', 422, "/audience"),
        (f'{{"audience": {{"users": [{{"a": "{SECRET}"}}]}}, "message": {{}}}}', 422, "/audience/users/0"),
        ('{"audience": {"tokens": {"v1": ["a"], "v2": []}}, "message": {}}', 422, "/audience/tokens/v2"),
        (f'{{"audience": {{"everyone": "{SECRET}"}}, "message": {{}}}}', 422, "/audience/everyone"),
        (f'{{"audience": {{"everyone": true}}, "message": {{"badge": "{SECRET}"}}}}', 422, "/message/badge"),
        (f'{{"audience": {{"everyone": true}}, "message": {{"pigeon": "{SECRET}"}}}}', 422, "/message/pigeon"),
        ('{"audience": {"everyone": true}, "message": {"a/b~c": 1}}', 422, "/message/a~1b~0c"),
        ('{"audience": {"everyone": true}, "message": {"data": {"": "x"}}}', 422, "/message/data/"),
        ('{"audience": {"everyone": true}, "message": {"title": "\\ud800"}}', 400, ""),
    ],
)
def test_a_problem_names_the_place_and_repeats_no_value(body: str, status: int, pointer: str) -> None:
    document = refusal(SendRequest, body).document
    assert (document.status, SECRET in document.model_dump_json()) == (status, False)
    if status == 422:
        assert [one.pointer for one in document.errors] == [pointer]


def test_numbers_are_not_read_out_of_texts() -> None:
    body = '{"audience": {"everyone": true}, "message": {}, "ttl": "60"}'
    assert [one.pointer for one in refusal(SendRequest, body).document.errors] == ["/ttl"]


def test_a_query_is_told_by_the_parameters_name() -> None:
    for query in ({"limit": "0"}, {"limit": "x"}, {"after": "??"}, {"colour": "red"}):
        with pytest.raises(Refused) as refused:
            parsed_query(Page, dict(query))
        assert next(iter(query)) in refused.value.document.detail


def test_a_cursor_leads_back_to_the_send_it_was_written_for() -> None:
    send = accepted(to(everyone=True))
    assert read_cursor(write_cursor(send), send.app) == (send.accepted_at, send.key)
    assert read_cursor(write_cursor(send), "b2") == (send.accepted_at, f"b2.{send.id}")


def test_an_unknown_outcome_says_where_to_look() -> None:
    document = outcome_unknown("s1").document
    assert (document.type, document.send, "/v1/sends/s1" in document.detail) == (OUTCOME_UNKNOWN, "s1", True)
