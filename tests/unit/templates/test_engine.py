"""What the engine makes of templates that came through the door, hostile ones among them."""

import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.templates.engine import PATIENCE, Engine, mistake
from shared.templates.expression import Unreadable
from shared.templates.reading import read
from shared.templates.words import FILTERS, MOST_CHARACTERS, TESTS

FULL: dict[str, Any] = {
    "device.user": '"😀' * 128,
    "device.attributes.a": 3,
    "device.tags": [f"{n:064}" for n in range(100)],
    "device.locale": "de",
}


def rendered(template: str, row: dict[str, Any]) -> str | None:
    """The one text, with nothing that JSON would escape in it."""
    reading = read(template)
    (texts,) = Engine([reading.source]).render([row])
    return None if texts is None else f"{reading.before}{texts[0]}{reading.after}"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ device.attributes.a }}!", "3!"),
        ("a {{- device.locale -}} b", "adeb"),
        ("{% if device.attributes.a > 2 %}many{% else %}few{% endif %}", "many"),
        ("{{ device.zone|default('UTC') }}", "UTC"),
        ("{% if device.zone is defined %}x{% else %}y{% endif %}", "y"),
        ("{{ device.tags[0]|int + 1 }}", "1"),
        ("{{ ['b', 'a']|sort|join('+') }}", "a+b"),
        ("{{ 'a b/ü'|urlencode }}", "a%20b%2F%C3%BC"),
        ("{{ 'abcdef'|truncate(4) }}", "abc…"),
        ("line\n{{ device.locale }}\n", "line\nde\n"),
        ("{{ device.zone }}", None),
        ("{{ device.zone|upper }}", None),
        ("{% if device.zone %}{% endif %}", None),
        ("{{ device.locale + 1 }}", None),
        ("{{ 'x'|int }}", None),
        ("{{ 1 // 0 }}", None),
    ],
)
def test_templates_say_what_jinja_says_and_fail_on_what_is_missing(template: str, text: str | None) -> None:
    assert rendered(template, FULL) == text


def test_ones_failure_is_its_own_wherever_it_stands() -> None:
    engine = Engine([read("{{ device.locale }}").source, read("{{ device.attributes.a }}").source])
    rows = [{"device.locale": f"l{n}", **({} if n % 7 == 3 else {"device.attributes.a": n})} for n in range(100)]
    assert engine.render(rows) == [None if n % 7 == 3 else (f"l{n}", str(n)) for n in range(100)]
    assert engine.render([]) == []


def test_what_a_device_says_of_itself_is_never_a_template_and_never_breaks_the_page() -> None:
    said = ["{{ device.id }}", "{% endfor %}", '"},"aps":{"badge":1', "~0123456789abcdef~", "\\", "\x00\n", "%s"]
    found = Engine([read("{{ device.user }}").source]).render([{"device.user": one} for one in said])
    escaped = [
        one.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", "\\u0000").replace("\n", "\\n") for one in said
    ]
    assert found == [(one,) for one in escaped]


LONG = "x" * (MOST_CHARACTERS - 60)
HOSTILE = [
    "{% for t in device.tags %}" + LONG + "{% endfor %}",
    "{% for t in device.tags %}" + "{{ device.tags }}" * 200 + "{% endfor %}",
    "{{ device.tags }}" * 240,
    "{{ " + " ~ ".join(["device.user"] * 16) + " }}",
    ("{% for t in device.user %}{{ " + "~".join(["t"] * 30) + " }}{% endfor %}") * 20,
    "{{ device.tags" + "|join('" + "y" * 2000 + "')" * 1 + "|join('" + "y" * 1000 + "') }}",
    "{{ device.user" + "|urlencode" * 20 + " }}",
    "{{ device.tags|join|urlencode|urlencode }}",
    "{{ device.user|truncate(999999999, device.user) }}",
    "{{ 1.5|round(999999999) }}",
    "{{ 99999999999999999999999999999999999999 + 99999999999999999999999999999999999999 }}",
]


@pytest.mark.parametrize("template", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_template_costs_little_time_and_memory_for_a_page(template: str) -> None:
    reading = read(template)
    assert mistake(reading.source) is None
    engine = Engine([reading.source])
    tracemalloc.start()
    began = time.process_time()
    engine.render([FULL] * 16)
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 64e6


def test_a_runaway_template_is_given_up_before_it_holds_up_everything_else() -> None:
    engine = Engine([read(HOSTILE[1]).source])
    began = time.thread_time()
    assert engine.render([FULL] * 5000) == [None] * 5000
    assert time.thread_time() - began < 3 * PATIENCE.total_seconds()


def test_steps_are_bounded() -> None:
    reading = read(("{% for t in device.tags %}" + "{{ t }}" * 20 + "{% endfor %}") * 20)
    assert Engine([reading.source]).render([FULL, {"device.tags": ["a"]}]) == [None, ("a" * 400,)]


WORDS = st.sampled_from(
    [
        "device.user", "device.attributes.a", "device.tags", "device.locale", "device.zone", "t", "loop.index", "1",
        "0.5", "'a'", '"b"', "(", ")", "[", "]", "|", ",", ":", "-", "+", "~", "/", "//", "%", "==", "<", "in", "not",
        "and", "is", "if", "else", "device", ".", "append", "items", "__class__", "loop", "caller", "self",
        *sorted(f"|{name}" for name in FILTERS),
        *sorted(f"is {name}" for name in TESTS),
    ]
)  # fmt: skip
TAGS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=8).map(lambda words: f"{{{{ {' '.join(words)} }}}}"),
    st.lists(WORDS, min_size=1, max_size=4).map(lambda words: f"{{% if {' '.join(words)} %}}y{{% endif %}}"),
    st.lists(WORDS, min_size=1, max_size=4).map(
        lambda words: f"{{% for t in {words[0]} %}}{{{{ {' '.join(words[1:]) or 't'} }}}}{{% endfor %}}"
    ),
    st.sampled_from(["text", "{", "}", "{{", "{%", "{#", "#}", "%}", "}}", "{#- x -#}", "\n"]),
)


@given(st.lists(TAGS, min_size=1, max_size=3).map("".join))
def test_no_template_that_is_read_reaches_python_or_raises(template: str) -> None:
    try:
        source = read(template).source
    except Unreadable:
        return
    if mistake(source) is not None:
        return
    (texts,) = Engine([source]).render([FULL])
    if texts is not None:
        assert not any(word in texts[0] for word in ("built-in", "object at", "<class", "method", "function"))
