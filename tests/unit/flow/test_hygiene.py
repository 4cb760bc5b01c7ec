"""The rules of hygiene: what counts as evidence, and how much of it is too much."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.flow.hygiene import LEAST, SHARE, Tally, cap, dead, evidence, excessive, floor, norm, worth_a_look
from shared.flow.record import Count, Part, Undelivered
from shared.flow.verdict import Fate

NOW = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
SLOT = timedelta(minutes=1)
NUMBERS = st.integers(0, 10_000_000)
SHARES = st.floats(0, 1)


def part(
    number: int, *undelivered: Undelivered, delivered: int = 0, variant: str = "v1", fate: Fate | None = None
) -> Part:
    counts = [Count(fate=Fate.DELIVERED, n=delivered)] if delivered else []
    counts += [Count(fate=fate or one.fate, reason=one.reason, n=1) for one in undelivered]
    return Part(
        member=f"app.send.0.0/{number}", send="app.send", app="app", variant=variant, platform="apns",
        matched=delivered + len(undelivered), counts=tuple(counts), undelivered=undelivered, looked_up_at=NOW,
    )  # fmt: skip


def suspect(n: int) -> Undelivered:
    return Undelivered(device=n.to_bytes(12, "big"), fate=Fate.REJECTED, reason="BadDeviceToken", suspect=True)


def test_a_record_tells_of_each_variant_what_was_judged_and_what_speaks_against_it() -> None:
    rejected = Undelivered(device=bytes(12), fate=Fate.REJECTED, reason="PayloadTooLarge")
    gone = Undelivered(device=bytes(12), fate=Fate.UNREGISTERED, reason="Unregistered")
    late = Undelivered(device=bytes(12), fate=Fate.EXPIRED)
    records = {
        "r1": [part(0, suspect(1), rejected, gone, late, delivered=3), part(1, suspect(2), variant="v2")],
        "r2": [part(2, late, late)],
    }
    found = {one.key: one for one in evidence(records, SLOT)}
    assert found.keys() == {"r1|v1", "r1|v2"}
    assert found["r1|v1"].tally == Tally(results=6, suspects=1)
    assert found["r1|v1"].slot == NOW.replace(second=0)
    assert [one.device for one in found["r1|v2"].suspects] == [suspect(2).device]


def test_the_provider_s_own_time_counts_for_the_dead_and_else_that_of_the_look_up() -> None:
    long_ago = NOW - timedelta(days=300)
    known = Undelivered(device=b"k" * 12, fate=Fate.UNREGISTERED, reason="Unregistered", since=long_ago)
    plain = Undelivered(device=b"p" * 12, fate=Fate.UNREGISTERED, reason="UNREGISTERED")
    findings = dead([part(0, known, suspect(3)), part(1, plain)])["app", "v1"]
    assert [(one.dead_at, one.seen_at) for one in findings] == [(long_ago, NOW), (NOW, NOW)]


def test_the_bounds_of_the_gate() -> None:
    assert excessive(Tally(100, 50), 50, 0)
    assert not excessive(Tally(100, 49), 49, 0)
    assert not excessive(Tally(1000, 200), 200, 0), "20 % are not more than 20 %"
    assert excessive(Tally(1000, 201), 201, 0)
    assert not excessive(Tally(1000, 400), 400, 0.1), "five times what is usual is half"
    assert excessive(Tally(1000, 501), 400, 0.1)
    assert excessive(Tally(1000, 950), 900, 0.5), "whatever is usual, nearly all is too many"
    assert not excessive(Tally(200, 200), 3, 0), "one bad token, asked again and again"


@given(NUMBERS, NUMBERS, NUMBERS, SHARES)
def test_few_suspects_or_a_small_share_never_trip_it(results: int, suspects: int, devices: int, usual: float) -> None:
    tally = Tally(results + suspects, suspects)
    if excessive(tally, min(devices, suspects), usual):
        assert suspects >= LEAST
        assert suspects > SHARE * tally.results
        assert worth_a_look(tally, usual)


@given(NUMBERS, NUMBERS, SHARES, NUMBERS)
def test_more_suspects_never_talk_it_down(results: int, suspects: int, usual: float, more: int) -> None:
    if excessive(Tally(results, suspects), LEAST, usual):
        assert excessive(Tally(results + more, suspects + more), LEAST, usual)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20), SHARES)
def test_a_whole_is_excessive_only_if_a_part_of_it_is(parts: list[tuple[int, int]], usual: float) -> None:
    """So judging the minutes as well hides nothing that judging the hour would have found, but for the 50."""
    tallies = [Tally(results + suspects, suspects) for results, suspects in parts]
    whole = sum(tallies, Tally())
    share = [one.suspects / one.results for one in tallies if one.results]
    if whole.results and excessive(whole, LEAST, usual):
        assert max(share) >= whole.suspects / whole.results


@given(st.lists(st.tuples(NUMBERS, NUMBERS)))
def test_the_norm_is_a_share(parts: list[tuple[int, int]]) -> None:
    assert 0 <= norm(Tally(results + suspects, suspects) for results, suspects in parts) <= 1


@given(NUMBERS, st.integers(0, 10_000), SHARES)
def test_the_cap_lets_a_clean_up_of_any_size_end(devices: int, least: int, share: float) -> None:
    assert cap(devices, least, share) >= least
    assert cap(devices, least, share) >= int(devices * share)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(1, 90_000_000))  # noqa: DTZ001
def test_a_moment_lies_in_one_span_only(moment: datetime, milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    start = floor(moment, span)
    assert start <= moment < start + span
    assert floor(start, span) == start
    assert floor(start + span, span) == start + span
