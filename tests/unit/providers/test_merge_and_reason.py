"""Merging raw blocks and bounding reasons."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.merge import merged
from shared.providers.reason import bounded

JSON = st.recursive(
    st.integers() | st.text(max_size=3) | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


# RFC 7396, appendix A: the rows whose document and patch are objects.
@pytest.mark.parametrize(
    ("below", "above", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_objects_are_merged_as_the_rfc_says(below: Any, above: Any, result: Any) -> None:
    assert merged(below, above) == result


@given(OBJECTS, OBJECTS)
def test_merging_twice_is_merging_once_and_changes_neither_side(below: dict[str, Any], above: dict[str, Any]) -> None:
    before = repr((below, above))
    once = merged(below, above)
    assert merged(once, above) == once
    assert repr((below, above)) == before


@given(st.text(max_size=500))
def test_a_reason_is_short_and_plain_whatever_was_said(text: str) -> None:
    reason = bounded(text)
    assert 1 <= len(reason) <= 64
    assert set(reason) <= set(string.ascii_letters + string.digits + "_.:-")


def test_a_providers_own_reason_stays_as_it_is() -> None:
    assert bounded("BadEnvironmentKeyIdInToken") == "BadEnvironmentKeyIdInToken"
