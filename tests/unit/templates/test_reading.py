"""What a template may say, and what is refused of it before anything is stored."""

import json
import re
from pathlib import Path

import pytest

from shared.flow.message import Message
from shared.providers.registry import check_message
from shared.templates.engine import mistake
from shared.templates.expression import Unreadable
from shared.templates.reading import read
from shared.templates.words import FILTERS, MOST_CHARACTERS, TESTS

READABLE = [
    "Hello",
    "Hello {{ device.attributes.name }}",
    "{{- device.user -}} x",
    "{{ device.attributes['home-city']|default('town')|upper }}",
    "{% if device.locale == 'de' and device.tags|length > 1 %}a{% elif device.user is defined %}b{% else %}{% endif %}",
    "{% for tag in device.tags|sort if tag != 'x' %}{{ loop.index }}. {{ tag }}{% else %}none{% endfor %}",
    "{% for d in device.tags %}{{ d }}{{ device.user }}{% endfor %}",
    "{{ device.tags[0] }}{{ device.tags[0:-1] }}{{ ['a', 'b'][1] }}",
    "{{ 'yes' if 'news' in device.tags else 'no' }}{{ (1 + 2) // 3 - 4.5 }}",
    "{# said } here %} #}{{ '}}' }}{{ \"{{\" }}",
    "{{ device.id ~ device.platform ~ device.variant ~ device.zone }}",
    "no tag: } }} %} #} { {",
]
UNREADABLE = {
    "{{": "no end",
    "{{ 'a }}": "no end quote",
    "{{ }}": "1 to 64 words",
    "{{ device.user %}": "is closed by",
    "{# a": "no end",
    "{{ name }}": "no variable name",
    "{{ loop.index }}": "no variable loop",
    "{{ device }}": "ends too early",
    "{{ device.token }}": "of device there are",
    "{{ device.attributes }}": "ends too early",
    "{{ device.attributes['a b'] }}": "nothing can have",
    "{{ device['user'] }}": "of device there are",
    "{{ device.user.upper() }}": "only device and loop have parts",
    "{{ device.tags.append }}": "only device and loop have parts",
    "{{ device.tags['append'] }}": "stands a place",
    "{{ device.tags[device.user] }}": "stands a place",
    "{{ device.attributes.items() }}": "nothing can be called",
    "{{ device.user|upper()() }}": "nothing can be called",
    "{{ 'a'('b') }}": "nothing can be called",
    "{{ 'a' * 9 }}": "no multiplication",
    "{{ 2 ** 9 }}": "no multiplication",
    "{{ {'a': 1} }}": "no template has {",
    "{{ device.user|replace('a', 'b') }}": "no filter replace",
    "{{ device.user|attr('x') }}": "no filter attr",
    "{{ device.user|map('upper') }}": "no filter map",
    "{{ device.user is sameas(1) }}": "no test sameas",
    "{{ device.user is not sameas(1) }}": "no test sameas",
    "{{ device.tags|sort(reverse=true) }}": "no template has =",
    "{% set a = 1 %}": "no template has =",
    "{% macro a() %}": "statements are",
    "{% include 'a' %}": "statements are",
    "{% block a %}": "statements are",
    "{% if %}": "statements are",
    "{% if device.user %}": "no endif",
    "{% endif %}": "ends nothing",
    "{% for a in device.tags %}{% endif %}": "ends nothing",
    "{% for a in device.tags %}{% for b in device.tags %}": "a loop in a loop",
    "{% for a in [device.user, device.user] %}": "a loop goes over",
    "{% for a in device.user ~ device.user %}": "a loop goes over",
    "{% for device in device.tags %}": "no variable can be called",
    "{% for a, b in device.tags %}": "a loop is written",
    "{% for a in device.tags recursive %}": "no variable recursive",
    "x" * (MOST_CHARACTERS + 1): "at most",
    "{{ " + "1 + " * 40 + "1 }}": "1 to 64 words",
}


@pytest.mark.parametrize("template", READABLE)
def test_a_template_within_the_language_is_read_and_its_grammar_holds(template: str) -> None:
    assert mistake(read(template).source) is None


@pytest.mark.parametrize(("template", "why"), UNREADABLE.items(), ids=[one[:40] for one in UNREADABLE])
def test_whatever_is_not_known_is_refused_with_the_reason(template: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why.replace("{", r"\{")):
        read(template)


def test_every_filter_and_test_of_the_language_exists() -> None:
    for name in FILTERS:
        assert mistake(f"{{{{ 1|{name} }}}}") is None
    for name in TESTS:
        assert mistake(f"{{{{ 1 is {name} }}}}") is None


@pytest.mark.parametrize(
    "template",
    ["{{ 1 + }}", "{{ 1 2 }}", "{% else %}", "{{ 'a'| }}", "{{ (1 }}", "{% if 1 %}" * 180 + "{% endif %}" * 180],
)
def test_what_only_the_engine_finds_wrong_is_told_too(template: str) -> None:
    problems = check_message(Message(template=True, body=template), {"apns": ()})
    assert [one.pointer for one in problems] == ["/body"]
    assert problems[0].detail.startswith("as a template: ")


def test_a_template_uses_what_it_names() -> None:
    template = "{{ device.user }}{% if device.attributes['a-b'] %}{{ device.tags }}{% endif %}{{ 'device.zone' }}"
    assert read(template).uses == {"device.user", "device.attributes.a-b", "device.tags"}


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("a {{ device.id }} b", "a ", " b"),
        ("a {{- device.id -}} b", "", ""),
        ("a {{ device.id -}} b{# c #} d", "a ", " d"),
        ("https://x/{% if device.id %}y{% endif %}?z", "https://x/", "?z"),
    ],
)
def test_text_around_all_tags_is_the_same_for_all_unless_a_tag_trims_it(template: str, before: str, after: str) -> None:
    reading = read(template)
    assert (reading.before, reading.after) == (before, after)


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        ({"collapse_key": "{{ device.id }}"}, "/collapse_key"),
        ({"apns": {"collapse_id": "{{ device.id }}"}}, "/apns/collapse_id"),
        ({"apns": {"topic": "{{ device.id }}"}}, "/apns/topic"),
        ({"apns": {"expiration": "{{ device.id }}"}}, "/apns/expiration"),
        ({"apns": {"push_type": "{{ device.id }}"}}, "/apns/push_type"),
        ({"fcm": {"apns": {"headers": {"apns-topic": "{{ device.id }}"}}}}, "/fcm/apns/headers/apns-topic"),
        ({"fcm": {"webpush": {"headers": {"Urgency": "{{ device.id }}"}}}}, "/fcm/webpush/headers/Urgency"),
        ({"title": "{{ nobody }}"}, "/title"),
        ({"data": {"a/b": "{{ nobody }}"}}, "/data/a~1b"),
        ({"apns": {"payload": {"a": [1, {"b": "{{ nobody }}"}]}}}, "/apns/payload/a/1/b"),
        ({"fcm": {"data": {"a": "{{ nobody }}"}}}, "/fcm/data/a"),
        ({"badge": "{{ nobody }}"}, "/badge"),
        ({"badge": "three"}, "/badge"),
        ({"title": "x" * 4000 + "{{ device.id }}", "body": "x" * 200}, ""),
        ({"data": {str(n): "{{ device.id }}{#" + " " * 4000 + "#}" for n in range(5)}}, ""),
    ],
)
def test_what_cannot_be_a_template_is_told_once_by_its_place(message: dict[str, object], pointer: str) -> None:
    problems = check_message(Message.model_validate({"template": True, **message}), {"apns": (), "fcm": ()})
    assert {one.pointer for one in problems} == {pointer}


def test_without_the_word_template_braces_are_text() -> None:
    message = Message.model_validate({"title": "{{ nobody }}", "collapse_key": "{{", "data": {"a": "{% if %}"}})
    assert check_message(message, {"apns": (), "fcm": ()}) == []


def test_the_example_in_the_readme_is_a_message_that_the_door_takes() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    example = readme.split("### To each their own: templates", 1)[1].split("```json", 1)[1].split("```", 1)[0]
    message = Message.model_validate(json.loads(example)["message"])
    assert check_message(message, {"apns": (), "fcm": ()}) == []


def test_the_readme_names_every_filter_and_test_and_no_other() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    told = readme.split("the filters ", 1)[1].split(". There is no assignment", 1)[0]
    filters, tests = (set(re.findall(r"`(\w+)", part)) for part in told.split("; the tests ", 1))
    assert filters == FILTERS
    assert tests == TESTS
