"""A user gets no more of a category in any period than its cap says, however his sends come, repeat and fail."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.flow.accept import Terms, accept
from shared.flow.cap import Cap, Place, Places, taken, whose
from shared.flow.repetition import repetition
from shared.flow.rules import Rules
from shared.flow.send import Send, SendRequest
from tests.unit.ingest.requests import VARIANTS

NOW: Final = datetime(2030, 6, 1, tzinfo=UTC)
PHONE, TABLET = b"p" * 12, b"t" * 12
CAPS: Final = st.builds(Cap, most=st.integers(1, 3), per=st.integers(1, 20))
STEPS: Final = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from([PHONE, TABLET]), st.integers(0, 9), st.booleans()),
    max_size=40,
)


@given(cap=CAPS, steps=STEPS)
def test_in_no_period_more_sends_set_out_than_the_cap_allows(
    cap: Cap, steps: list[tuple[str, bytes, int, bool]]
) -> None:
    """Each step is a send to a device, some seconds later; some are given back: they certainly did not go out."""
    places: Places = ()
    out: list[tuple[datetime, str]] = []
    now, reached = NOW, set[tuple[str, bytes]]()
    for send, device, later, fails in steps:
        now += timedelta(seconds=later)
        after = taken(places, send, [device], cap, now)
        held = {one.send for one in places if one.at > now - cap.period and one.devices}
        assert (after is None) == (send not in held and len(held) >= cap.most), "no place is refused or given in vain"
        if after is None:
            continue
        assert taken(after, send, [device], cap, now) == after, "taking it twice is taking it once"
        if fails and (send, device) not in reached:
            places = without(after, send, device)
        else:
            places = after
            reached.add((send, device))
            out.append((now, send))
    for start, _ in out:
        assert len({send for at, send in out if start <= at < start + cap.period}) <= cap.most


def without(places: Places, send: str, device: bytes) -> Places:
    return tuple(
        Place(one.send, one.at, tuple(held for held in one.devices if held != device)) if one.send == send else one
        for one in places
    )


@given(cap=CAPS, sends=st.lists(st.sampled_from("abcdefgh"), max_size=30))
def test_only_so_many_places_are_kept(cap: Cap, sends: list[str]) -> None:
    places: Places = ()
    for send in sends:
        places = taken(places, send, [PHONE], cap, NOW) or places
    assert len(places) == min(cap.most, len(set(sends)))


def test_devices_of_one_user_share_a_place_until_the_last_gives_it_back() -> None:
    cap = Cap(most=1, per=60)
    places = taken((), "one", [PHONE, TABLET], cap, NOW)
    assert places == (Place("one", NOW, (PHONE, TABLET)),)
    left = without(places, "one", PHONE)
    assert taken(left, "two", [PHONE], cap, NOW) is None
    free = without(left, "one", TABLET)
    assert taken(free, "two", [PHONE], cap, NOW) == (Place("two", NOW, (PHONE,)),)


def test_a_place_counts_from_when_its_send_set_out_last() -> None:
    cap, late = Cap(most=1, per=60), NOW + timedelta(seconds=50)
    places = taken((), "one", [PHONE], cap, NOW)
    assert places is not None
    again = taken(places, "one", [PHONE], cap, late)
    assert again is not None
    assert taken(again, "two", [PHONE], cap, NOW + timedelta(seconds=60)) is None
    assert taken(places, "two", [PHONE], cap, NOW + timedelta(seconds=60)) is not None
    assert taken(again, "two", [PHONE], cap, late + timedelta(seconds=60)) is not None


def test_users_devices_and_apps_are_kept_apart_and_users_are_not_named() -> None:
    names = [whose("a1", "zoe", PHONE), whose("a1", "tom", PHONE), whose("a2", "zoe", PHONE), whose("a1", None, PHONE)]
    assert len({*names, whose("a1", None, TABLET)}) == 5
    assert whose("a1", "zoe", TABLET) == names[0]
    assert not any("zoe" in name or "tom" in name for name in names)
    assert all(not one.startswith(other) for one, other in pairwise(names))


def sent(**more: Any) -> Send:
    request = SendRequest.model_validate({"audience": {"everyone": True}, "message": {"title": "Ding"}, **more})
    rules = Rules.model_validate({"caps": {"ads": {"most": 2, "per": 3600}}})
    return accept(request, "a1", "a1.send0001", VARIANTS, NOW, check=lambda *_: (), terms=Terms(rules=rules))


def test_a_send_has_the_cap_of_its_category_unless_it_is_critical() -> None:
    assert sent(category="ads").cap == Cap(most=2, per=3600)
    assert sent(category="news").cap is None
    assert sent().cap is None
    assert sent(category="ads", critical=True).cap is None


def test_each_send_of_a_repeated_one_has_its_cap() -> None:
    parent = sent(category="ads", repeat={"cron": "0 9 * * *"})
    assert repetition(parent, NOW + timedelta(hours=9), NOW, VARIANTS).cap == parent.cap is not None


@pytest.mark.parametrize(
    "cap", [{"most": 0, "per": 60}, {"most": 1, "per": 0}, {"most": 1, "per": 31 * 86_400 + 1}, {}]
)
def test_a_cap_that_means_nothing_is_refused(cap: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Rules.model_validate({"caps": {"ads": cap}})
    with pytest.raises(ValidationError):
        Rules.model_validate({"caps": {"no such name": {"most": 1, "per": 60}}})


@pytest.mark.parametrize("kept", [{"topic": "news"}, {"condition": "'a' in topics"}, {"channel": "AAAA"}])
def test_no_cap_holds_for_whom_only_the_provider_knows(kept: dict[str, str]) -> None:
    request = SendRequest.model_validate({"audience": kept, "message": {"title": "Ding"}, "category": "ads"})
    terms = Terms(Rules.model_validate({"caps": {"ads": {"most": 1, "per": 60}}}))
    assert accept(request, "a1", "a1.send0001", VARIANTS, NOW, check=lambda *_: (), terms=terms).cap is None
