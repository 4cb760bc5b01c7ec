"""Every look holds all devices that fit, whatever the filter: no device is lost because of an index."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from shared.flow.access import MOST, Candidate, candidates
from shared.flow.facets import FACETED, day_stretches, facets_of, number_stretches, sortable
from shared.flow.filter import Filter
from tests.unit.audience.devices import NOW, devices, filters, fits, numbers


def within(look: Candidate, facets: list[str]) -> bool:
    return any(stretch.low <= facet <= stretch.high for stretch in look for facet in facets)


@given(filters, devices)
def test_a_device_that_fits_is_in_every_look(one: Filter, device: Mapping[str, Any]) -> None:
    if fits(one, device):
        assert all(within(look, facets_of(device)) for look in candidates(one))


@given(filters)
def test_a_look_has_a_bounded_number_of_places(one: Filter) -> None:
    assert all(len(look) <= MOST for look in candidates(one))


@given(devices)
def test_every_facet_belongs_to_a_field_that_is_rewritten_with_it(device: Mapping[str, Any]) -> None:
    for name in FACETED:
        alone = facets_of({name: device.get(name)})
        assert all(one.startswith(FACETED[name]) for one in alone)
        assert set(alone) <= set(facets_of(device))


@given(numbers, numbers)
def test_numbers_sort_as_their_facets_do(one: float, other: float) -> None:
    assert (sortable(one) < sortable(other)) == (float(one) < float(other))
    assert (sortable(one) == sortable(other)) == (float(one) == float(other))


@given(numbers, st.none() | numbers, st.none() | numbers)
@example(0.0, -0.0, None)
@example(5e-324, 0, 5e-324)
def test_a_number_in_a_range_lies_in_one_of_its_stretches(value: float, low: float | None, high: float | None) -> None:
    if (low is None or value >= low) and (high is None or value <= high):
        assert within(tuple(number_stretches("a", low, high)), facets_of({"attributes": {"a": value}}))


@given(st.integers(0, 40_000), st.none() | st.integers(0, 40_000), st.none() | st.integers(0, 40_000))
def test_a_time_in_a_range_lies_in_one_of_its_stretches(day: int, low: int | None, high: int | None) -> None:
    at = datetime.fromtimestamp(day * 86_400 + 5, UTC)
    bounds = [None if one is None else datetime.fromtimestamp(one * 86_400, UTC) for one in (low, high)]
    if (low is None or low <= day) and (high is None or day < high):
        assert within(tuple(day_stretches(*bounds)), facets_of({"registered_at": at}))


def test_the_places_of_a_wide_range_are_few_however_many_values_lie_in_it() -> None:
    for stretches in (number_stretches("a", 0, None), number_stretches("a", 1.7e9, 1.8e9), day_stretches(None, NOW)):
        assert len(stretches) <= 5


def test_a_range_of_numbers_is_met_closely() -> None:
    stretches = tuple(number_stretches("at", 1_700_000_000, 1_700_086_400))  # a day of Unix time
    met = [
        n for n in range(1_699_000_000, 1_701_000_000, 600) if within(stretches, facets_of({"attributes": {"at": n}}))
    ]
    assert len(met) <= 1.3 * 144


def test_alternatives_without_an_index_offer_no_look() -> None:
    tagged, other = {"field": "tags", "eq": "a"}, {"field": "user", "exists": True}
    assert candidates(Filter.model_validate({"or": [tagged, other]})) == ()
    assert len(candidates(Filter.model_validate({"and": [tagged, other, tagged]}))) == 2
    assert candidates(Filter.model_validate({"not": tagged})) == ()
