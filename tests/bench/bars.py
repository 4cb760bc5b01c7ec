"""The bars that the figures are held against. Whoever misses one is shown by how much; nothing fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.figures import Figure, Table


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure and its bar. `most`: the bar is a ceiling; `time`: it moves with aioapns' CPU on the machine."""

    figure: str
    text: str
    bar: float
    most: bool = False
    time: bool = False


BARS: Final = (
    Bar("engine_over_h2load", "engine ÷ h2load, one core, one connection, own token and payload each", 0.6),
    Bar("engine_over_aioapns", "engine ÷ aioapns", 50),
    Bar("engine_over_httpx", "engine ÷ httpx[http2]", 150),
    Bar("engine_cpu_over_aioapns", "engine's CPU per notification ÷ aioapns'", 1 / 55, most=True),
    Bar("failures_cpu_ratio", "the same with 1 % of 410 and 0.5 % of 503 ÷ without, CPU", 1.3, most=True),
    Bar("pipeline_delivery_cpu_us", "pipeline, delivery's CPU µs per notification", 15, most=True, time=True),
    Bar("personalised_delivery_cpu_us", "the same, personalised", 25, most=True, time=True),
    Bar("pipeline_per_s", "pipeline on all cores, per second", 60_000),
    Bar("single_per_s", "single-user sends from HTTP to the provider, per second", 3000),
    Bar("single_lost", "of these lost", 0, most=True),
    Bar("single_p50_ms_at_500", "request → provider at 500/s, p50 ms", 25, most=True, time=True),
    Bar("single_p99_ms_at_500", "the same, p99 ms", 50, most=True, time=True),
    Bar("now_under_bulk_p99_ratio", "p99 of `now` beside a bulk broadcast ÷ alone", 3, most=True),
    Bar("delivery_peak_mb", "delivery's memory, peak MB", 110, most=True),
    Bar("delivery_growth_mb", "delivery's memory over the largest broadcast, last less first, MB", 5, most=True),
    Bar("growth_3m_over_1m", "time per notification, 3 M devices ÷ 1 M", 1.1, most=True),
    Bar("import_per_s", "devices imported by the command, new ones, per second", 20_000),
    Bar("last_answer_to_finished_s", "last answer → finished report, s", 1, most=True, time=True),
)


def table(figures: Mapping[str, Figure]) -> Table:
    """Every bar whose figure was measured."""
    scale = figures.get("yardstick", 1)
    scale = scale if isinstance(scale, float) else 1.0
    rows = []
    for bar in BARS:
        found = figures.get(bar.figure)
        if isinstance(found, int | float):
            limit = bar.bar * scale if bar.time else bar.bar
            met = found <= limit if bar.most else found >= limit
            rows.append(
                [bar.text, _number(found), f"{'≤' if bar.most else '≥'} {_number(limit)}", "yes" if met else "no"]
            )
    return Table(
        f"Bars, those on time multiplied by {scale:.2f}: aioapns' CPU on this machine ÷ 490 µs",
        ("what", "measured", "bar", "met"),
        rows,
    )


def _number(value: float) -> str:
    if value and abs(value) < 0.1:  # digits that mean something
        return f"{value:.4f}"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"  # the same
