"""Shows outcomes as a table, and writes them as JSON."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from shared.runtime.metrics import catalogue
from tests.chaos.case import Outcome

HEAD: Final = (
    f"{'case':<28}{'promised':>9}{'arrived':>9}{'lost':>6}{'twice':>7}{'bound':>8}{'wrong':>7}{'felt s':>8}{'s':>7}"
    "  in flight"
)


def line(name: str, outcome: Outcome) -> str:
    """One case; what is missed stands below it."""
    verdict = [f"    MISSED: {why}" for why in outcome.failures] + [f"      {remark}" for remark in outcome.remarks]
    found = outcome.result
    if found is None:
        return "\n".join([f"{name:<28}", *verdict])
    felt = f"{max(outcome.recovery):.1f}" if outcome.recovery else "-"
    row = (
        f"{name:<28}{found.promised:>9}{found.delivered:>9}{found.lost:>6}{found.duplicated:>7}{found.in_flight_bound:>8}"
        f"{found.miscounted:>7}{felt:>8}{found.seconds:>7.0f}  {_listed(found.in_flight_at_kills)}"
    )
    return "\n".join([row, *verdict])


def unmoved(outcomes: Iterable[Outcome]) -> list[str]:
    """Metrics of the catalogue that no case moved; `chunk_conflicts` must not."""
    moved = {name for outcome in outcomes if outcome.result for name in outcome.result.metrics}
    return sorted(set(catalogue()) - moved - {"chunk_conflicts"})


def write(file: Path, outcomes: Mapping[str, Outcome]) -> None:
    """Those that ran; one that did not has no numbers, and has failed. Beside it, which metrics moved in which case."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cases = [outcome.line() for outcome in outcomes.values() if outcome.result]
    file.write_text(json.dumps({"cases": cases}, indent=1) + "\n", "utf-8")
    moved = {name: outcome.result.metrics for name, outcome in outcomes.items() if outcome.result}
    metrics = {"moved": moved, "in_no_case": unmoved(outcomes.values())}
    file.with_suffix(".metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", "utf-8")


def _listed(kills: tuple[int, ...]) -> str:
    return " ".join(map(str, kills)) if kills else "-"
