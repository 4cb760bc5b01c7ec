"""What may be said of a device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ingest.profile import ATTRIBUTES, Profile


def profile(**said: object) -> Profile:
    return Profile.model_validate(said)


@pytest.mark.parametrize("value", ["text", 5, -(2**53), 1.5, True, False, None, ""])
def test_an_attribute_is_a_flat_value_and_kept_as_it_is(value: object) -> None:
    assert profile(attributes={"a": value}).said() == {"attributes": {"a": value}}
    assert type((profile(attributes={"a": value}).attributes or {})["a"]) is type(value)


@pytest.mark.parametrize("value", [[], {}, "x" * 257, 2**53 + 1, float("inf"), float("nan")])
def test_an_attribute_that_is_none_is_one_problem(value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        profile(attributes={"a": value})
    assert [one["loc"] for one in refused.value.errors()] == [("attributes", "a")]


@pytest.mark.parametrize("name", ["", "$a", "a.b", "1a", "a" * 65, "a\x00"])
def test_an_attribute_name_the_store_could_not_keep_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        profile(attributes={name: 1})


def test_attributes_are_bounded() -> None:
    assert len(profile(attributes={f"a{n}": n for n in range(ATTRIBUTES)}).attributes or ()) == ATTRIBUTES
    with pytest.raises(ValidationError):
        profile(attributes={f"a{n}": n for n in range(ATTRIBUTES + 1)})


@pytest.mark.parametrize(
    ("given_", "kept"), [("de", "de"), ("pt-BR", "pt-BR"), ("en_US", "en-US"), ("zh-Hant-TW", "zh-Hant-TW")]
)
def test_a_locale_is_a_language_tag_however_it_is_joined(given_: str, kept: str) -> None:
    assert profile(locale=given_).locale == kept


@pytest.mark.parametrize("locale", ["", "d", "de-", "de DE", "deutschland", "de-\n", "1e"])
def test_another_text_is_no_locale(locale: str) -> None:
    with pytest.raises(ValidationError):
        profile(locale=locale)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "europe/berlin"])
def test_a_zone_must_exist(zone: str) -> None:
    assert profile(zone="Europe/Berlin").zone == "Europe/Berlin"
    with pytest.raises(ValidationError):
        profile(zone=zone)


@given(st.sets(st.sampled_from(["user", "tags", "attributes", "locale", "zone"])))
def test_only_what_was_said_is_said(names: set[str]) -> None:
    assert profile(**dict.fromkeys(names)).said() == dict.fromkeys(names)
