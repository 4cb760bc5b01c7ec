"""Versions, language tags and topic conditions: what is one, and how they compare."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flow.language_tag import canonical_locale, language_of
from shared.flow.topics import condition_problem
from shared.flow.version import order_of

SORTED = [
    "0.9",
    "1.0-alpha",
    "1.0-alpha.1",
    "1.0-beta.2",
    "1.0-beta.11",
    "1.0",
    "1.0.1",
    "1.2",
    "1.10",
    "2.0-rc.1",
    "2",
    "10",
]


def key(version: str) -> str:
    found = order_of(version)
    assert found is not None
    return found


def test_versions_sort_part_by_part_and_what_comes_before_a_release_before_it() -> None:
    keys = [key(one) for one in SORTED]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(*[st.lists(st.integers(0, 10**9), min_size=1, max_size=6)] * 2)
def test_versions_compare_as_their_numbers_do(one: list[int], other: list[int]) -> None:
    def trimmed(parts: list[int]) -> list[int]:
        return list(itertools.dropwhile(lambda part: part == 0, parts[::-1]))[::-1] or [0]

    mine, others = key(".".join(map(str, one))), key(".".join(map(str, other)))
    assert (mine < others, mine == others) == (trimmed(one) < trimmed(other), trimmed(one) == trimmed(other))


@pytest.mark.parametrize(
    ("one", "same"), [("2", "2.0.0"), ("v1.2", "1.2"), ("1.2+build", "1.2 (45)"), ("01.02", "1.2")]
)
def test_versions_that_mean_the_same_are_equal(one: str, same: str) -> None:
    assert key(one) == key(same)


@pytest.mark.parametrize(
    "text", ["", "newest", "1.", ".1", "1..2", "-1", "1.2.3.4.5.6.7", "1" * 19, "1-", "1" + ".1" * 40]
)
def test_another_text_is_no_version(text: str) -> None:
    assert order_of(text) is None


@pytest.mark.parametrize(
    ("given_", "kept", "language"),
    [("PT_br", "pt-BR", "pt"), ("zh-hant-tw", "zh-Hant-TW", "zh"), ("DE", "de", "de"), ("es-419", "es-419", "es")],
)
def test_a_language_tag_has_one_spelling(given_: str, kept: str, language: str) -> None:
    assert canonical_locale(given_) == kept
    assert language_of(kept) == language


@pytest.mark.parametrize(
    "text",
    [
        "'a' in topics",
        "!('a' in topics)",
        "!'a' in topics",
        "'dogs' in topics && ('cats' in topics || !('birds' in topics))",
        "  'a' in topics||'b' in topics ",
        " || ".join(f"'{n}' in topics" for n in range(5)),
    ],
)
def test_a_condition_over_topics_is_one(text: str) -> None:
    assert condition_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a in topics",
        "'a'",
        "'a' in topics &&",
        "&& 'a' in topics",
        "('a' in topics",
        "'a' in topics)",
        "'a' in topics 'b' in topics",
        "'a\"' in topics",
        "'a' in topics; drop",
        "(" * 40 + "'a' in topics" + ")" * 40,
        " || ".join(f"'{n}' in topics" for n in range(6)),
    ],
)
def test_another_text_is_no_condition(text: str) -> None:
    assert condition_problem(text) is not None
