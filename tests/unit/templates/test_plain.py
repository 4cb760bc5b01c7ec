"""Texts that only name values, put together without the engine, against the engine itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.device import Device
from shared.flow.message import Message
from shared.providers.body import compact
from shared.templates import bodies
from shared.templates.bodies import bodies_of
from shared.templates.plain import split
from shared.templates.reading import read

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{"), max_size=8)
NAMES = ("a", "b-c", "d_e")
VALUE = st.one_of(
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 120),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
    st.lists(TEXT, max_size=2),
)
OTHER = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\"'\\"), max_size=6))


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Texts and values in turn."""
    pieces = [draw(SAME)]
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3)):
        other = draw(OTHER)
        default = "" if other is None else f"|default('{other}')"
        pieces += [f'{{{{ device.attributes["{name}"]{default} }}}}', draw(SAME)]
    return "".join(pieces)


def message(title: str, badge: str) -> Message:
    return Message(template=True, title=title, badge=badge, data={"k": f"100 % of {title}", "%s": "%"})


def made(said: Message) -> bodies.Bodies:
    return bodies_of(
        said, "apns", "v1", lambda one: compact({"t": one.title, "badge": one.badge, "data": dict(one.data)})
    )


@given(templates(), st.lists(st.dictionaries(st.sampled_from([*NAMES, "n"]), VALUE), min_size=1, max_size=20))
def test_they_are_what_the_engine_makes_of_them(template: str, said: list[dict[str, Any]]) -> None:
    devices = [Device(n.to_bytes(12, "big"), "t", None, {"attributes": one}) for n, one in enumerate(said)]
    quick = made(message(template, "{{ device.attributes.n }}"))
    slow = made(message(template, "{{ device.attributes.n|string }}"))  # one filter, and it is the engine's
    assert quick.plain is not None
    assert slow.plain is None
    assert quick.of(devices) == slow.of(devices)


@pytest.mark.parametrize(
    "template",
    [
        "{{ device.attributes.a|upper }}",
        "{{ device.attributes.a ~ 'x' }}",
        "{{ device.tags }}",
        "{% if device.user is defined %}x{% endif %}",
        "x {{- device.attributes.a }}",
        "{{ device.attributes.a|default('a\\'b') }}",
        "{{ device.attributes.a|default('x', true) }}",
        "{{ device.attributes.a }}{# said aside #}{{ device.user }}",
        "{{ 'constant' }}",
    ],
)
def test_whatever_is_more_than_a_value_is_the_engines(template: str) -> None:
    assert split(read(template).source) is None
