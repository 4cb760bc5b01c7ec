"""Which translation a device gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.flow.locale import best, ranges, spelled
from shared.flow.message import Message

KNOWN = {"de", "pt", "pt-br", "zh-hant", "en"}
FALLBACKS = {"gsw": ("de-CH", "fr"), "pt-ao": ("en",), "ca": ("es", "en")}
TAGS = st.from_regex(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("locale", "chosen"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_at", "de"),
        ("pt-BR", "pt-br"),
        ("pt-PT", "pt"),
        ("pt-AO", "pt"),
        ("zh-Hant-TW", "zh-hant"),
        ("zh-Hans", None),
        ("zh", None),
        ("gsw-CH", "de"),
        ("ca", "en"),
        ("fr", None),
        ("den", None),
        (None, None),
    ],
)
def test_the_longest_beginning_wins_then_what_it_falls_back_to(locale: str | None, chosen: str | None) -> None:
    assert best(locale, KNOWN, FALLBACKS) == chosen


def test_a_single_letter_begins_nothing_by_itself() -> None:
    assert list(ranges("de-DE-x-private")) == ["de-de-x-private", "de-de", "de"]


@given(locale=TAGS, known=st.sets(TAGS.map(spelled), max_size=5))
def test_what_is_chosen_is_known_and_begins_the_locale(locale: str, known: set[str]) -> None:
    chosen = best(locale, known, {})
    if chosen is None:
        assert spelled(locale) not in known
    else:
        assert chosen in known
        assert f"{spelled(locale)}-".startswith(f"{chosen}-")


def test_two_translations_for_one_language_are_refused() -> None:
    with pytest.raises(ValidationError, match="two translations for one language tag"):
        Message.model_validate({"title": "a", "localized": {"pt-BR": {"title": "b"}, "PT_br": {"title": "c"}}})
